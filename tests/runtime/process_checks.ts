import type {
  ChildProcess,
  ProcessEvents,
  ProcessStartError,
  Runtime,
} from "../../src/runtime/ports.ts";
import { type Check, holds, same, until, wait } from "./check.ts";

/** A child whose life is kept. */
class Life implements ProcessEvents {
  readonly child: ChildProcess;
  readonly trail: string[] = [];
  error: ProcessStartError | undefined;
  out = "";
  outBytes = 0;
  err = "";
  ctl = "";
  drained = 0;
  taken = 0;

  constructor(runtime: Runtime, command: readonly string[], cwd?: string) {
    const env = { PATH: "/usr/local/bin:/usr/bin:/bin", ONLY: "this" };
    this.child = runtime.spawn({
      command,
      env,
      ...(cwd === undefined ? {} : { cwd }),
      events: this,
    });
  }

  started(error?: ProcessStartError): void {
    this.error = error;
    this.trail.push(error === undefined ? "started" : "failed");
  }

  stdout(data: Uint8Array): void {
    this.outBytes += data.length;
    if (this.out.length < 1_000) this.out += new TextDecoder().decode(data);
  }

  stderr(data: Uint8Array): void {
    this.err += new TextDecoder().decode(data);
  }

  control(data: Uint8Array): void {
    this.ctl += new TextDecoder().decode(data);
  }

  stdinDrained(): void {
    this.taken++;
  }

  controlDrained(): void {
    this.drained++;
  }

  stdoutEnded(): void {
    this.trail.push("stdoutEnded");
  }

  exited(code: number | undefined, signal: string | undefined): void {
    this.trail.push(`exited ${code} ${signal}`);
  }

  closed(): void {
    this.trail.push("closed");
  }

  untilClosed(): Promise<void> {
    return until(() => this.trail.includes("closed"), "the child is gone");
  }
}

const shell = (runtime: Runtime, line: string): Life => new Life(runtime, ["sh", "-c", line]);

/** Checks of child processes. */
export const PROCESS_CHECKS: Readonly<Record<string, Check>> = {
  "process: starts, speaks on all pipes and is gone": async (runtime) => {
    const life = shell(
      runtime,
      'read x; read y <&3; echo "$x"; echo "$y" >&3; echo err >&2; exit 3',
    );
    life.child.writeStdin(new TextEncoder().encode("in\n"));
    life.child.writeControl("control\n");
    await life.untilClosed();
    same([life.out, life.ctl, life.err], ["in\n", "control\n", "err\n"]);
    same(life.trail.toSorted(), ["closed", "exited 3 undefined", "started", "stdoutEnded"]);
    same([life.trail[0], life.trail.at(-1)], ["started", "closed"]);
    holds(life.drained > 0, "the control channel drained");
  },

  "process: the environment is whole, the directory as asked": async (runtime) => {
    const life = new Life(runtime, ["sh", "-c", 'echo "$ONLY $HOME"; pwd'], "/usr");
    await life.untilClosed();
    same(life.out, "this \n/usr\n");
  },

  "process: what cannot start says why, and nothing else": async (runtime) => {
    const missing = new Life(runtime, ["voicegw-no-such-program"]);
    const directory = new Life(runtime, ["/etc"]);
    const nowhere = new Life(runtime, ["cat"], "/voicegw/no/such");
    const empty = new Life(runtime, ["a\0b"]);
    await wait(100);
    same(
      [missing, directory, nowhere].map((each) => each.error?.code),
      ["ENOENT", "EACCES", "ENOENT"],
    );
    for (const each of [missing, directory, nowhere, empty]) same(each.trail, ["failed"]);
    missing.child.writeStdin(new Uint8Array(2));
    missing.child.signalGroup("SIGKILL");
    missing.child.destroyPipes();
  },

  "process: a signal has its name and reaches the whole group": async (runtime) => {
    const life = shell(runtime, "sleep 30 & echo ready; wait");
    await until(() => life.out === "ready\n", "it runs");
    life.child.signalGroup("SIGTERM");
    await life.untilClosed();
    holds(life.trail.includes("exited undefined SIGTERM"), "SIGTERM ended it");
    life.child.signalGroup("SIGKILL");
  },

  "process: bytes are copied, counted while they wait, and free after": async (runtime) => {
    const life = shell(runtime, "sleep 0.3; md5sum");
    const buffer = new Uint8Array(320);
    for (let count = 0; count < 3_000; count++) {
      life.child.writeStdin(buffer.fill(count & 0xff));
    }
    await wait(20);
    holds(life.child.stdinQueuedBytes > 100_000, "bytes wait");
    life.child.closeStdin();
    await life.untilClosed();
    // Of 3,000 frames of 320 bytes, each filled with the low byte of its number.
    same(life.out.slice(0, 32), "a95faa949ebca0cc0fb5f1e538564480");
    same(life.child.stdinQueuedBytes, 0);
  },

  "process: a pause holds the child back, a drain reads on": async (runtime) => {
    const life = shell(runtime, "head -c 3000000 /dev/zero; echo x >&3; sleep 30");
    life.child.pauseStdout();
    await wait(100);
    same([life.outBytes, life.ctl], [0, ""]);
    life.child.resumeStdout();
    await until(() => life.ctl === "x\n", "all was written");
    await new Promise<void>((resolve) => life.child.drainStdout(resolve));
    same(life.outBytes, 3_000_000);
    life.child.signalGroup("SIGKILL");
    await life.untilClosed();
  },

  "process: a drain covers what was written before, paused or not": async (runtime) => {
    const life = shell(
      runtime,
      "n=0; while [ $n -lt 50 ]; do n=$((n+1)); head -c 20000 /dev/zero; echo x >&3; read y <&3; done",
    );
    for (let round = 1; round <= 50; round++) {
      if (round % 2 === 0) life.child.pauseStdout();
      else life.child.resumeStdout();
      await until(() => life.ctl.length === 2 * round, "a mark came");
      await new Promise<void>((resolve) => life.child.drainStdout(resolve));
      same(life.outBytes, 20_000 * round);
      life.child.writeControl("go\n");
    }
    life.child.resumeStdout();
    await life.untilClosed();
  },

  "process: drains come back in order, and before closed": async (runtime) => {
    const life = shell(runtime, "yes");
    await until(() => life.outBytes > 0, "it writes");
    const done: string[] = [];
    for (const name of ["a", "b"]) life.child.drainStdout(() => done.push(name));
    same(done, []);
    await until(() => done.length === 2, "a flood ends drains too");
    life.child.drainStdout(() => life.trail.push("drained"));
    life.child.signalGroup("SIGKILL");
    life.child.destroyPipes();
    await life.untilClosed();
    same(done, ["a", "b"]);
    holds(life.trail.includes("drained"), "the last drain came back");
    same(life.trail.at(-1), "closed");
  },

  "process: the last words on the control channel are read, whatever is written to it": async (
    runtime,
  ) => {
    let complete = 0;
    for (let round = 0; round < 20; round++) {
      const lives = Array.from({ length: 5 }, () => shell(runtime, "echo hangup >&3"));
      for (const life of lives) life.child.writeControl("start\n");
      await wait(round % 5);
      for (const life of lives) life.child.writeControl("more\n");
      await Promise.all(lives.map((life) => life.untilClosed()));
      complete += lives.filter((life) => life.ctl === "hangup\n").length;
    }
    same(complete, 100);
  },

  "process: events for a child that reads late are all there": async (runtime) => {
    const life = shell(runtime, "sleep 0.2; head -c 3000000 <&3 | md5sum");
    for (let count = 0; count < 3_000; count++) life.child.writeControl("x".repeat(999) + "\n");
    holds(life.child.controlQueuedBytes > 100_000, "lines wait");
    await life.untilClosed();
    same(life.out.slice(0, 32), "477f93280199d10d312c54f68ec7bfb0");
    same(life.child.controlQueuedBytes, 0);
  },

  "process: destroyed pipes end the wait for a grandchild": async (runtime) => {
    const life = shell(runtime, "sleep 2 & exit 0");
    await until(() => life.trail.includes("exited 0 undefined"), "the leader is gone");
    await wait(30);
    holds(!life.trail.includes("closed"), "the grandchild holds the pipes");
    life.child.pauseStdout();
    life.child.destroyPipes();
    await life.untilClosed();
    life.child.signalGroup("SIGKILL");
  },
};
