import type { UdpOptions } from "../../src/runtime/ports.ts";
import { bindCode, type Check, holds, same, until, wait } from "./check.ts";

/** A socket on loopback that keeps the datagrams it gets. */
function keeping(options: Partial<UdpOptions> = {}): UdpOptions & { readonly got: string[] } {
  const got: string[] = [];
  return {
    address: "127.0.0.1",
    port: 0,
    receive: (data, port, address) =>
      got.push(`${address}:${port} ${new TextDecoder().decode(data)}`),
    got,
    ...options,
  };
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

async function exchange(
  runtime: Parameters<Check>[0],
  options: Partial<UdpOptions>,
  target = "127.0.0.1",
): Promise<void> {
  const [left, right] = [keeping(options), keeping(options)];
  const a = await runtime.bindUdp(left);
  const b = await runtime.bindUdp(right);
  const buffer = text("one");
  holds(a.send(buffer, b.local.port, target), "sent");
  buffer.fill(0);
  await until(() => right.got.length === 1, "a datagram came");
  same(right.got, [`${target}:${a.local.port} one`]);
  holds(b.send(text("two"), a.local.port, target), "answered");
  await until(() => left.got.length === 1, "the answer came");
  same(left.got, [`${target}:${b.local.port} two`]);
  a.close();
  b.close();
}

/** Checks of UDP sockets. */
export const UDP_CHECKS: Readonly<Record<string, Check>> = {
  "UDP: two sockets talk, and a sent buffer may be reused": (runtime) => exchange(runtime, {}),

  "UDP: sockets with large buffers talk": (runtime) => exchange(runtime, { largeBuffers: true }),

  "UDP: IPv6 sockets talk": (runtime) => exchange(runtime, { address: "::1" }, "::1"),

  "UDP: a dual-stack socket shows IPv4 peers as such": async (runtime) => {
    const dual = keeping({ address: "::" });
    const four = keeping();
    const [a, b] = [await runtime.bindUdp(dual), await runtime.bindUdp(four)];
    b.send(text("x"), a.local.port, "127.0.0.1");
    await until(() => dual.got.length === 1, "it came");
    same(dual.got, [`127.0.0.1:${b.local.port} x`]);
    a.close();
    b.close();
  },

  "UDP: a port that is taken, an address that is not ours": async (runtime) => {
    for (const largeBuffers of [false, true]) {
      const socket = await runtime.bindUdp(keeping({ largeBuffers }));
      const taken = keeping({ port: socket.local.port, largeBuffers });
      same(await bindCode(runtime.bindUdp(taken)), "EADDRINUSE");
      const foreign = keeping({ address: "203.0.113.77", largeBuffers });
      same(await bindCode(runtime.bindUdp(foreign)), "EADDRNOTAVAIL");
      await bindCode(runtime.bindUdp(keeping({ port: 70_000, largeBuffers })));
      socket.close();
    }
  },

  "UDP: nothing that is sent throws or closes the socket": async (runtime) => {
    for (const largeBuffers of [false, true]) {
      const options = keeping({ largeBuffers });
      const socket = await runtime.bindUdp(options);
      const dead = await runtime.bindUdp(keeping());
      dead.close();
      const targets = [
        [dead.local.port, "127.0.0.1"],
        [0, "127.0.0.1"],
        [70_000, "127.0.0.1"],
        [
          5060,
          "255.255.255.255",
        ],
        [5060, "::1"],
        [5060, "no address"],
      ] as const;
      for (const [port, address] of targets) {
        for (let count = 0; count < 3; count++) {
          socket.send(text("x"), port, address);
          await wait(1);
        }
      }
      socket.send(new Uint8Array(70_000), socket.local.port, "127.0.0.1");
      socket.send(text("alive"), dead.local.port, "127.0.0.1");
      await wait(5);
      // The ICMP error of the datagram before must not cost this one.
      socket.send(text("alive"), socket.local.port, "127.0.0.1");
      await until(() => options.got.length === 1, "the socket still works");
      same(options.got, [`127.0.0.1:${socket.local.port} alive`]);
      socket.close();
    }
  },

  "UDP: the largest and the smallest datagram": async (runtime) => {
    const sizes: number[] = [];
    const socket = await runtime.bindUdp({
      address: "127.0.0.1",
      port: 0,
      receive: (data) => sizes.push(data.length),
    });
    socket.send(new Uint8Array(65_507), socket.local.port, "127.0.0.1");
    socket.send(new Uint8Array(0), socket.local.port, "127.0.0.1");
    await until(() => sizes.length === 2, "both came");
    same(sizes, [65_507, 0]);
    socket.close();
  },

  "UDP: a part of a buffer, to one peer and then another": async (runtime) => {
    const [left, right] = [keeping(), keeping()];
    const a = await runtime.bindUdp(left);
    const b = await runtime.bindUdp(right);
    const socket = await runtime.bindUdp(keeping());
    const buffer = text("-one-two-");
    for (const to of [a, b, a]) {
      socket.send(buffer.subarray(1, 4), to.local.port, "127.0.0.1");
      socket.send(buffer.subarray(5, 8), to.local.port, "127.0.0.1");
    }
    await until(() => left.got.length === 4 && right.got.length === 2, "all came");
    const words = ({ got }: { readonly got: string[] }) => got.map((one) => one.split(" ")[1]);
    same(words(left), ["one", "two", "one", "two"]);
    same(words(right), ["one", "two"]);
    for (const each of [a, b, socket]) each.close();
  },

  "UDP: what is sent in one turn leaves in its order": async (runtime) => {
    const options = keeping();
    const socket = await runtime.bindUdp(options);
    const sender = await runtime.bindUdp(keeping());
    const words = Array.from({ length: 20 }, (_, index) => `${index}`);
    for (const word of words) sender.send(text(word), socket.local.port, "127.0.0.1");
    await until(() => options.got.length === words.length, "all came");
    same(options.got.map((got) => got.split(" ")[1]), words);
    socket.close();
    sender.close();
  },

  "UDP: nothing comes or goes after close, and the port is free": async (runtime) => {
    for (const largeBuffers of [false, true]) {
      const options = keeping({ largeBuffers });
      const socket = await runtime.bindUdp(options);
      const other = await runtime.bindUdp(keeping());
      for (let count = 0; count < 10; count++) {
        other.send(text("late"), socket.local.port, "127.0.0.1");
      }
      socket.close();
      socket.close();
      holds(
        !socket.send(text("x"), other.local.port, "127.0.0.1"),
        "a closed socket sends nothing",
      );
      await wait(20);
      same(options.got, []);
      (await runtime.bindUdp(keeping({ port: socket.local.port }))).close();
      other.close();
    }
  },

  "UDP: a burst arrives whole in large buffers, where they can be had": async (runtime) => {
    if (runtime.name === "deno") return;
    let count = 0;
    const socket = await runtime.bindUdp({
      address: "127.0.0.1",
      port: 0,
      largeBuffers: true,
      receive: () => void count++,
    });
    const sender = await runtime.bindUdp(keeping());
    const request = new Uint8Array(1_000);
    for (let sent = 0; sent < 1_000; sent++) {
      sender.send(request, socket.local.port, "127.0.0.1");
    }
    await until(() => count === 1_000, "all came");
    sender.close();
    socket.close();
  },
};
