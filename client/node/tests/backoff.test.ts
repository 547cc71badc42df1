import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, completeBackoff } from "../src/backoff.js";

function waits(count: number, chance: number, retryAfterMs?: number): number[] {
  const backoff = new Backoff(completeBackoff({ initialMs: 1, maxMs: 5, multiplier: 2 }), () => chance);
  return Array.from({ length: count }, () => backoff.next(retryAfterMs));
}

test("waits grow up to a limit", () => {
  assert.deepEqual(waits(5, 1), [1, 2, 4, 5, 5]);
});

test("chance takes up to half of a wait", () => {
  assert.deepEqual(waits(4, 0), [0.5, 1, 2, 2.5]);
});

test("what the service asks for is the least", () => {
  assert.deepEqual(waits(3, 0, 3), [3, 3, 3]);
  assert.deepEqual(waits(1, 1, 4), [5]);
  assert.equal(waits(4, 1, 1)[3], 5);
});

test("success starts over", () => {
  const backoff = new Backoff(completeBackoff({ initialMs: 1 }), () => 1);
  backoff.next(undefined);
  backoff.reset();
  assert.equal(backoff.next(undefined), 1);
});

for (const wrong of [{ initialMs: 0 }, { initialMs: 2, maxMs: 1 }, { multiplier: 0.5 }, { initialMs: NaN }]) {
  test(`settings that make no sense are refused: ${JSON.stringify(wrong)}`, () => {
    assert.throws(() => completeBackoff(wrong), RangeError);
  });
}
