import { afterEach, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configFrom } from "../../src/config/load.ts";
import { readTargetTls } from "../../src/gateway/target_tls.ts";
import { startWsServer } from "../handler/websocket/ws_server.ts";
import { callRoom } from "../support/caller.ts";
import { startGateway } from "../support/gateway.ts";
import { tlsPath, tlsServer, tlsText } from "../support/tls_fixtures.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item.close();
});

test("a call goes to a server whose authority, and whose trust, stand in files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "voicegw-target-tls-"));
  open.push({ close: () => rmSync(folder, { recursive: true }) });
  for (const file of ["ca.pem", "client.pem", "client.key"]) {
    cpSync(tlsPath(file), join(folder, file));
  }
  const bot = await startWsServer({
    tlsOptions: tlsServer("server", "require"),
    onConnection: (peer) => void setTimeout(() => peer.socket.close(1000), 50),
  });
  open.push({ close: () => bot.stop() });
  const tls = {
    ca: join(folder, "ca.pem"),
    certificate: join(folder, "client.pem"),
    key: join(folder, "client.key"),
  };
  const when = (room: string) => ({ "X-Room-ID": room });
  const server = await startGateway({
    routes: [
      { when: when("known"), websocket: { url: bot.url, tls } },
      { when: when("unknown"), websocket: { url: bot.url, tls: { ca: tls.ca } } },
      { when: when("later"), echo: true, on_error: { websocket: { url: bot.url, tls } } },
    ],
  });
  open.push({ close: () => server.stop() });
  expect((await callRoom(server.udp, "known", { linger: 2000 })).statusCode).toBe(200);
  expect(bot.peers).toHaveLength(1);
  expect((await callRoom(server.udp, "unknown", { linger: 2000 })).endedBy).not.toBe("caller");
  expect(bot.peers).toHaveLength(1);
});

test("files are read once, for handlers in place too, and a missing one is named", async () => {
  const read: string[] = [];
  const readFile = (path: string): Promise<Uint8Array> => {
    read.push(path);
    return path === "ca.pem"
      ? Promise.resolve(new TextEncoder().encode(tlsText("ca.pem")))
      : Promise.reject(new Error(`There is no file "${path}"`));
  };
  const webhook = { url: "https://a.example", tls: { ca: "ca.pem" } };
  const routes = [{ webhook }, { echo: true, on_error: { webhook } }, { exec: ["cat"] }];
  const config = configFrom({ routes });
  const loaded = await readTargetTls(config, { readFile });
  const [first, second, third] = loaded.routes;
  expect(first?.handler).toMatchObject({ tls: { ca: tlsText("ca.pem"), verify: true } });
  expect(second?.on_error).toMatchObject({ tls: { ca: tlsText("ca.pem") } });
  expect(third).toEqual(config.routes[2]);
  expect(read).toEqual(["ca.pem"]);
  const broken = configFrom({
    routes: [{ name: "a", websocket: { url: "wss://a", tls: { ca: "b.pem" } } }],
  });
  await expect(readTargetTls(broken, { readFile })).rejects
    .toThrow('Route "a": tls.ca: There is no file "b.pem"');
});
