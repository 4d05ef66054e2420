import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { type HttpResult, HttpsClient } from "../../src/gateway/https-client.ts";

interface Scene {
  readonly client: HttpsClient;
  /** Answers that wait to be given. */
  readonly waiting: ServerResponse[];
  /** Connections that are open. */
  readonly count: () => number;
  readonly post: () => Promise<HttpResult>;
}

async function open(): Promise<Scene> {
  const waiting: ServerResponse[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    request.resume();
    waiting.push(response);
  });
  server.on("connection", (socket) => {
    connections += 1;
    socket.on("close", () => {
      connections -= 1;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new HttpsClient({ ca: undefined });
  onTestFinished(() => {
    client.stop();
    server.closeAllConnections();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("it does not listen");
  const url = `http://127.0.0.1:${bound.port}/`;
  const post = async (): Promise<HttpResult> =>
    client.post({ url, headers: {}, body: "x", signal: new AbortController().signal });
  return { client, waiting, count: () => connections, post };
}

test("a client that is retired lets what is under way end, and then has no connection left", async () => {
  const { client, waiting, count, post } = await open();
  const [first, second] = [post(), post()];
  await expect.poll(() => waiting.length).toBe(2);
  client.retire();
  waiting[0]?.end();
  expect(await first).toMatchObject({ kind: "answer", status: 200 });
  waiting[1]?.end();
  expect(await second).toMatchObject({ kind: "answer", status: 200 });
  await expect.poll(count).toBe(0);
});

test("a client that is retired closes idle connections at once, and those of what comes all the same", async () => {
  const { client, waiting, count, post } = await open();
  const first = post();
  await expect.poll(() => waiting.length).toBe(1);
  waiting[0]?.end();
  await first;
  expect(count()).toBe(1);
  client.retire();
  await expect.poll(count).toBe(0);
  const late = post();
  await expect.poll(() => waiting.length).toBe(2);
  waiting[1]?.end();
  expect(await late).toMatchObject({ kind: "answer", status: 200 });
  await expect.poll(count).toBe(0);
});

test("a client that is stopped breaks off what is under way", async () => {
  const { client, waiting, post } = await open();
  const first = post();
  await expect.poll(() => waiting.length).toBe(1);
  client.stop();
  expect(await first).toMatchObject({ kind: "lost" });
});
