import { mkdtempSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { FileError } from "../../src/runtime/ports.ts";
import { type Check, holds, rejection, same, wait } from "./check.ts";

/** Checks of clock, timers, randomness, files and names. */
export const SYSTEM_CHECKS: Readonly<Record<string, Check>> = {
  "clock: runs forward, and the wall clock is of this age": async (runtime) => {
    const before = runtime.now();
    await wait(20);
    const elapsed = runtime.now() - before;
    holds(elapsed > 15 && elapsed < 2_000, "20 ms took some 20 ms");
    holds(runtime.wallClock() > Date.UTC(2025, 0), "it is later than 2025");
  },

  "timers: fire once, can be cancelled, and take any delay": async (runtime) => {
    const fired: string[] = [];
    runtime.setTimer(() => fired.push("first"), 1);
    runtime.setTimer(() => fired.push("past"), -5);
    runtime.setTimer(() => fired.push("cancelled"), 5).cancel();
    const far = runtime.setTimer(() => fired.push("far"), 10_000_000_000);
    runtime.setImmediate(() => fired.push("immediate"));
    await wait(40);
    far.cancel();
    same(fired.toSorted(), ["first", "immediate", "past"]);
  },

  "random: fills every byte, differently each time": (runtime) => {
    const [first, second] = [new Uint8Array(64), new Uint8Array(64)];
    runtime.random.fill(first);
    runtime.random.fill(second);
    holds(first.some((byte) => byte !== 0), "it is not all zero");
    holds(first.some((byte, index) => byte !== second[index]), "it differs");
    return Promise.resolve();
  },

  "hash: as their authors have it, of UTF-8": (runtime) => {
    same(runtime.hash("md5", "abc"), "900150983cd24fb0d6963f7d28e17f72");
    same(
      runtime.hash("sha-256", "abc"),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    same(
      runtime.hash("sha-512-256", "abc"),
      "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
    );
    same(runtime.hash("md5", "Jäsøn Doe"), "630b348bc2a329a0d504207b40c2c706");
    return Promise.resolve();
  },

  "files: are written, read and dated, and errors name them": async (runtime) => {
    const folder = mkdtempSync(join(tmpdir(), "voicegw-"));
    const path = join(folder, "a.bin");
    await runtime.writeFile(path, new Uint8Array([1, 2, 3]));
    same([...await runtime.readFile(path)], [1, 2, 3]);
    utimesSync(path, 1_000, 1_000);
    same(await runtime.modifiedAt(path), 1_000_000);
    const missing = join(folder, "none.wav");
    const error = await rejection(runtime.readFile(missing));
    same(error.message, `Cannot read "${missing}": no such file`);
    same((await rejection(runtime.modifiedAt(missing))).message, error.message);
    const unwritable = await rejection(runtime.writeFile(folder, new Uint8Array(1)));
    holds(unwritable.message.includes(folder), "the error names the file");
    rmSync(folder, { recursive: true });
  },

  "files: are made anew with their folders, and written at any place": async (runtime) => {
    const folder = mkdtempSync(join(tmpdir(), "voicegw-"));
    const path = join(folder, "deep", "er", "a.bin");
    const file = await runtime.openFile(path);
    await file.write(new Uint8Array([7, 8, 9]), 4);
    await file.write(new Uint8Array([1, 2]), 0);
    await file.write(new Uint8Array([5]).subarray(1), 9);
    await file.close();
    same([...readFileSync(path)], [1, 2, 0, 0, 7, 8, 9]);
    const taken = await rejection(runtime.openFile(path));
    holds(taken instanceof FileError && taken.code === "EEXIST", "a file that is there is kept");
    same(readFileSync(path).length, 7);
    const below = await rejection(runtime.openFile(join(path, "b.bin")));
    holds(below instanceof FileError && below.message.includes("b.bin"), "the error names it");
    await rejection(file.write(new Uint8Array(1), 0));
    rmSync(folder, { recursive: true });
  },

  "names: literal addresses stay, names are looked up, errors name them": async (runtime) => {
    same(await runtime.resolveHost("192.0.2.7"), ["192.0.2.7"]);
    same(await runtime.resolveHost("2001:db8::1"), ["2001:db8::1"]);
    const local = await runtime.resolveHost("localhost");
    holds(local.includes("127.0.0.1") || local.includes("::1"), "localhost is loopback");
    const error = await rejection(runtime.resolveHost("no-such-name.invalid"));
    holds(error.message.includes('"no-such-name.invalid"'), "the error names the host");
  },

  "addresses: loopback for loopback, one of ours for the world": async (runtime) => {
    same(await runtime.localAddressTowards("127.0.0.1"), "127.0.0.1");
    same(await runtime.localAddressTowards("127.0.0.1"), "127.0.0.1");
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const towards = await runtime.localAddressTowards("198.51.100.1");
    holds(own.some((each) => each.address === towards), `${towards} is one of ours`);
    const outer = own.find((each) => !each.internal && each.family === "IPv4");
    if (outer !== undefined) holds(towards !== "127.0.0.1", "the world is not on loopback");
  },
};
