// What the example of a page shows, in a real browser. browser_test.sh starts what it talks to.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

const { PAGES, ENVOY, RESTLESS_ENVOY, COMFYUI, METRICS, CHROMIUM } = process.env;
const patience = 60_000;

let browser;
let page;
before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
});
after(() => browser.close());
beforeEach(async () => {
  page = await browser.newPage();
  page.setDefaultTimeout(patience);
});
afterEach(() => page.close());

const open = (job, { pages = PAGES, envoy = ENVOY } = {}) => page.goto(`${pages}/?${new URLSearchParams({ job, envoy })}`);
const shows = (words) => page.getByText(words).first().waitFor();
const lines = () => page.locator("p").allTextContents();
// Without repeats of neighbours.
const states = async () => (await lines()).map((line) => line.split(":")[0]).filter((each, i, all) => each !== all[i - 1]);

async function submit(id, steps) {
  const prompt = {
    1: { class_type: "KSampler", inputs: { steps, seed: id } },
    2: { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: id } },
  };
  const answer = await fetch(`${COMFYUI}/prompt`, { method: "POST", body: JSON.stringify({ prompt_id: id, prompt }) });
  assert.equal(answer.status, 200, await answer.text());
}
const interrupt = () => fetch(`${COMFYUI}/interrupt`, { method: "POST" });

test("sees a job through its states to its end, with its outputs", async () => {
  await submit("before-it", 1_000_000);
  await submit("a/job of ünicode", 60);
  await open("a/job of ünicode");
  await shows("QUEUED: ");
  await interrupt();
  await shows("COMPLETED: ");
  assert.deepEqual(await states(), ["QUEUED", "PROCESSING", "COMPLETED"]);
  const output = page.getByRole("link");
  await output.waitFor();
  assert.ok((await output.getAttribute("href")).startsWith(`${COMFYUI}/view?filename=`));
});

test("goes on where it was when the service ends the stream", async () => {
  const asked = [];
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/WatchStatus")) asked.push(request.postDataBuffer());
  });
  await submit("endless", 1_000_000);
  await open("endless", { envoy: RESTLESS_ENVOY });
  await shows("PROCESSING: ");
  // Until it asks for more than the first time, which is after_revision.
  while (asked.length < 2 || asked.at(-1).length <= asked[0].length) await page.waitForEvent("request");
  await interrupt();
  await shows("CANCELLED: ");
});

test("tells the reason of an error", async () => {
  await open("nobody-knows-it");
  await shows("JOB_NOT_FOUND: [not_found] no ComfyUI server has a job");
  assert.deepEqual(await lines(), []);
});

test("reads JSON by URL, too", async () => {
  await open("nobody-knows-it");
  const backends = await page.evaluate(async (url) => (await fetch(url)).json(), `${ENVOY}/v1/backends`);
  assert.equal(backends.backends[0].name, "gpu1");
});

test("is let in from its own origin only", async () => {
  const refused = page.waitForEvent("console", (message) => message.text().includes("blocked by CORS policy"));
  await open("nobody-knows-it", { pages: PAGES.replace("localhost", "127.0.0.1") });
  await refused;
});

test("leaves no watch behind when it is closed", async () => {
  await submit("left-alone", 1_000_000);
  await open("left-alone");
  await shows("PROCESSING: ");
  await page.close();
  const deadline = Date.now() + patience;
  const watches = async () => /^jobstatus_watches (\d+)/m.exec(await (await fetch(METRICS)).text())[1];
  while ((await watches()) !== "0") {
    assert.ok(Date.now() < deadline, "the service still has its watch");
    await sleep(50);
  }
  await interrupt();
});
