// The real service before a fake ComfyUI, started for each test. JOBSTATUS_SERVER and FAKE_COMFYUI name the programs.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { TestContext } from "node:test";

/** Until the test is over. */
function start(t: TestContext, variable: string, options: string[]): ChildProcess {
  const program = process.env[variable];
  assert.ok(program, `${variable} names no program`);
  const child = spawn(program, options, { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => killed(child));
  return child;
}

/** Reads lines for as long as there are any; resolves with what `find` finds first in one. */
async function firstIn<T>(stream: Readable | null, find: (line: string) => T | undefined): Promise<T> {
  assert.ok(stream);
  const lines = createInterface({ input: stream });
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      said.push(line);
      const found = find(line);
      if (found !== undefined) resolve(found);
    });
    lines.on("close", () => {
      reject(new Error(`it ended, and said no more than:\n${said.join("\n")}`));
    });
  });
}

export class Setting {
  readonly comfyUrl: string;
  readonly #t: TestContext;
  readonly #scratch = mkdtempSync(join(tmpdir(), "jobstatus-node."));
  #service: ChildProcess | undefined;
  address = "127.0.0.1:0";

  private constructor(t: TestContext, comfyUrl: string) {
    this.#t = t;
    this.comfyUrl = comfyUrl;
    t.after(async () => {
      await this.killService();
      rmSync(this.#scratch, { recursive: true });
    });
  }

  /** Until the test is over. */
  static async start(t: TestContext): Promise<Setting> {
    // A version that lets callers choose any id, at fifty times a demo's speed.
    const comfy = start(t, "FAKE_COMFYUI", ["--port", "0", "--version", "v0.3.64", "--speed", "50"]);
    const setting = new Setting(t, await firstIn(comfy.stdout, (line) => / at (http:.*)/.exec(line)?.[1]));
    await setting.startService();
    return setting;
  }

  /** At the same address and with the same state, if it ran before. */
  async startService(): Promise<void> {
    const options = ["--listen", this.address, "--backend", `gpu=${this.comfyUrl}`, "--log-format", "json"];
    options.push("--state-dir", join(this.#scratch, "state"), "--upstream-share", "1");
    // It asks ComfyUI as often as it can, so that nobody has to wait for it.
    for (const option of ["poll-interval", "idle-interval", "safety-interval"]) options.push(`--${option}`, "10ms");
    this.#service = start(this.#t, "JOBSTATUS_SERVER", options);
    this.#service.stdout?.resume();
    this.address = await firstIn(this.#service.stderr, (line) => {
      const { event, address } = JSON.parse(line) as { event: string; address?: string };
      return event === "serving" ? address : undefined;
    });
  }

  async killService(): Promise<void> {
    await killed(this.#service);
  }

  async submit(jobId: string, steps = 1): Promise<void> {
    await this.#post("/prompt", {
      prompt_id: jobId,
      prompt: {
        1: { class_type: "KSampler", inputs: { steps } },
        2: { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "cat" } },
      },
    });
  }

  async submitEndless(jobId: string): Promise<void> {
    await this.submit(jobId, 1_000_000);
  }

  async interrupt(): Promise<void> {
    await this.#post("/interrupt", {});
  }

  async #post(path: string, body: object): Promise<void> {
    const answer = await fetch(this.comfyUrl + path, { method: "POST", body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.text());
  }
}

async function killed(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
