import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import type { ConnectOptions } from "../../src/runtime/client_ports.ts";
import { Dial } from "../../src/runtime/dial.ts";
import { nodeSockets } from "../../src/runtime/node_socket.ts";

const servers: net.Server[] = [];
const sockets: net.Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** Takes connections at one address of this machine; `port` 0: any. */
async function listen(address: string, port = 0): Promise<number> {
  const server = net.createServer((socket) => void sockets.push(socket));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  return (server.address() as net.AddressInfo).port;
}

interface Dialled {
  readonly port: number;
  readonly found: () => Promise<readonly string[]>;
  readonly connect?: Partial<ConnectOptions>;
}

/** The address that was connected to, or why none was. */
function dial({ port, found, connect }: Dialled): Promise<string> {
  return new Promise((resolve) => {
    const host = "bot.example";
    const open = nodeSockets({ host, port, isSecure: false, tls: undefined });
    new Dial({ host, connect: { timeout: 1_000, ...connect }, resolveHost: found }, open, {
      opened: (socket) => {
        sockets.push(socket);
        resolve(socket.remoteAddress ?? "");
      },
      failed: (why) => resolve(`failed: ${why}`),
    });
  });
}

describe("the address of a web server", () => {
  test("is the first that takes the connection", async () => {
    const port = await listen("127.0.0.1");
    const found = () => Promise.resolve(["127.0.0.9", "127.0.0.8", "127.0.0.1"]);
    expect(await dial({ port, found })).toBe("127.0.0.1");
  });

  test("is looked up once: what it says later is not believed", async () => {
    const port = await listen("127.0.0.1");
    await listen("127.0.0.2", port);
    const answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]];
    const asked: string[] = [];
    const found = () => Promise.resolve(answers.shift() ?? []);
    const refuseAddress = (address: string) => {
      asked.push(address);
      return address === "127.0.0.1" ? undefined : "that is another one";
    };
    expect(await dial({ port, found, connect: { refuseAddress } })).toBe("127.0.0.1");
    expect([asked, answers.length]).toEqual([["127.0.0.1"], 2]);
  });

  test("is none that is refused, though it would be taken first", async () => {
    const port = await listen("127.0.0.1");
    await listen("127.0.0.2", port);
    const found = () => Promise.resolve(["127.0.0.2", "127.0.0.1"]);
    const refuseAddress = (address: string) => address === "127.0.0.2" ? "not there" : undefined;
    expect(await dial({ port, found, connect: { refuseAddress } })).toBe("127.0.0.1");
    const none = { refuseAddress: () => "not there" };
    expect(await dial({ port, found, connect: none })).toBe("failed: not there");
  });

  test("is asked for in time", async () => {
    const found = () => new Promise<readonly string[]>(() => {});
    expect(await dial({ port: 9, found, connect: { timeout: 30 } }))
      .toBe("failed: it did not answer in time");
  });

  test("may not be there", async () => {
    expect(await dial({ port: 9, found: () => Promise.resolve([]) }))
      .toBe("failed: it has no address");
    const cause = { code: "ENOTFOUND" };
    const unknown = () => Promise.reject(new Error("Cannot find it", { cause }));
    expect(await dial({ port: 9, found: unknown })).toBe("failed: it has no address");
    const broken = () => Promise.reject(new Error("The name server is away"));
    expect(await dial({ port: 9, found: broken })).toBe("failed: The name server is away");
  });

  test("tells nothing when it is not wanted any more", async () => {
    const port = await listen("127.0.0.1");
    const told: string[] = [];
    const options = {
      host: "bot.example",
      connect: { timeout: 20 },
      resolveHost: () => Promise.resolve(["127.0.0.1"]),
    };
    const events = {
      opened: () => void told.push("opened"),
      failed: (why: string) => void told.push(why),
    };
    const { host } = options;
    new Dial(options, nodeSockets({ host, port, isSecure: false, tls: undefined }), events)
      .cancel();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(told).toEqual([]);
  });
});
