import { test as nodeTest, type TestContext } from "node:test";

import { Client, type ClientOptions } from "../src/index.js";

/** A test that takes too long fails, and what it started ends; nothing else would end it. */
export function test(name: string, body: (t: TestContext) => Promise<void>): void {
  void nodeTest(name, { timeout: 60_000 }, body);
}

/** A client that is closed when the test is over. */
export function connect(t: TestContext, address: string, options: ClientOptions = {}): Client {
  const client = new Client(address, options);
  t.after(() => {
    client.close();
  });
  return client;
}
