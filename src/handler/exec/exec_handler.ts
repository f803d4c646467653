/**
 * A program as handler: the caller's audio on its standard input, its standard output to the
 * caller, JSON lines both ways on file descriptor 3, its standard error in the log.
 *
 * A program that knows nothing of file descriptor 3 is a complete handler. Exit 0 means that it is
 * done: what it wrote is played, then the call ends. Any other end is a failure. Whatever happens,
 * nothing of it outlives its call: the whole process group is signalled, and killed at the end.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { HandlerCommand, HandlerEvent, StartEvent } from "../../call/handler_message.ts";
import type { ExecSpec } from "../../route/route.ts";
import type {
  ChildProcess,
  ProcessEvents,
  ProcessStartError,
  Runtime,
  Timer,
} from "../../runtime/ports.ts";
import type { Handler, HandlerEnd, HandlerHost } from "../handler.ts";
import { NO_GUARD, type TargetGuard } from "../target_guard.ts";
import { AudioWriter } from "./audio_writer.ts";
import { CommandOrder } from "./command_order.ts";
import { ControlReader } from "./control_reader.ts";
import { ControlWriter } from "./control_writer.ts";
import { makeEnvironment, makePoolEnvironment } from "./environment.ts";
import { execExitFailure, execStartFailure, limitedCommand } from "./exec_limits.ts";
import type { ProcessExit } from "./exit_reason.ts";
import { execTarget, Probation } from "./probation.ts";
import { SampleAligner } from "../sample_aligner.ts";
import { StderrLog } from "./stderr_log.ts";
import type { WaitingProgram } from "./waiting_program.ts";

/** How long grandchildren may hold the pipes of a program that has exited. */
const PIPE_GRACE: Millis = 500;

/** From SIGTERM to SIGKILL. */
const KILL_AFTER: Millis = 2_000;

/** From SIGKILL to the moment at which a process that the system cannot end is given up. */
const GIVE_UP_AFTER: Millis = 2_000;

/**
 * What is read of standard output after the exit: more than pipes hold, so all that the program
 * itself wrote.
 */
const BYTES_AFTER_EXIT_MAX = 4 << 20;

/** The caller's audio that waits for a program that does not read. */
const STDIN_QUEUE: Millis = 1_000;

/** What a program needs of the world around it. */
export interface ExecOptions {
  /** With its placeholders filled in. */
  readonly spec: ExecSpec;
  readonly runtime: Runtime;
  /** The parent's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly host: HandlerHost;
  /** Gives a program that was started ahead; `undefined`: there is none. */
  readonly takePooled?: () => WaitingProgram | undefined;
  /** What is known of programs that cannot be started. */
  readonly targets?: TargetGuard | undefined;
  /** Name of the program there; its argv when absent. */
  readonly target?: string;
}

/**
 * - `exited`: the leader is gone, its pipes are still open.
 * - `stopping`: told to stop, or killed; nothing of the program is heard any longer.
 */
type State = "idle" | "starting" | "running" | "exited" | "stopping" | "ended";

/** One program for one call. */
export class ExecHandler implements Handler {
  readonly #options: ExecOptions;
  readonly #host: HandlerHost;
  readonly #runtime: Runtime;
  readonly #stderr: StderrLog;
  readonly #reader: ControlReader;
  readonly #order: CommandOrder;
  readonly #aligner = new SampleAligner();
  readonly #probation: Probation;
  #state: State = "idle";
  #child: ChildProcess | undefined;
  #writer: ControlWriter | undefined;
  #exit: ProcessExit = { code: undefined, signal: undefined };
  #input: AudioWriter | undefined;
  #bytesAfterExit = 0;
  #timer: Timer | undefined;

  constructor(options: ExecOptions) {
    this.#options = options;
    this.#host = options.host;
    this.#runtime = options.runtime;
    const { runtime, spec, targets: guard = NO_GUARD } = options;
    this.#probation = new Probation({
      guard,
      target: options.target ?? execTarget(spec.command),
      runtime,
    });
    this.#stderr = new StderrLog((line) => this.#host.log(line), options.runtime.now);
    this.#order = new CommandOrder({
      drain: (done) => this.#child?.drainStdout(done),
      clearAudio: () => this.#host.clearAudio(),
      command: (command) => this.#command(command),
    });
    this.#reader = new ControlReader({
      command: (command) => this.#receiveCommand(command),
      refused: (message, command) => this.#host.refused(message, command),
      refusalsLeftOut: (count) =>
        this.#host.log(`(${count} more messages could not be understood)`),
    }, options.runtime.now);
  }

  start(event: StartEvent): void {
    if (this.#state !== "idle") return;
    const { spec, environment, takePooled } = this.#options;
    const isPooled = (spec.pool ?? 0) > 0;
    const made = isPooled
      ? makePoolEnvironment({ parent: environment, route: spec.env })
      : makeEnvironment({ parent: environment, start: event, route: spec.env });
    if (!made.ok) return this.#end({ type: "failed", reason: made.reason });
    const refused = this.#probation.begin();
    if (refused !== undefined) return this.#end({ type: "failed", reason: refused });
    this.#state = "starting";
    const pooled = takePooled?.();
    const child = pooled?.attach(this.#events()) ?? this.#spawn(made.env);
    this.#child = child;
    this.#input = new AudioWriter(
      child,
      event.audio.rate * 2 * STDIN_QUEUE / 1000,
      (bytes) => this.#host.audioDropped(bytes),
    );
    this.#writer = new ControlWriter(child);
    this.#writer.send(event);
    // It runs already, and nobody tells so again
    if (pooled !== undefined) this.#started(undefined);
  }

  receiveAudio(pcm: Uint8Array): void {
    if (this.#state === "stopping") return;
    this.#input?.write(pcm);
  }

  receiveEvent(event: HandlerEvent): void {
    if (this.#state !== "stopping") this.#writer?.send(event);
  }

  resumeAudio(): void {
    this.#child?.resumeStdout();
  }

  discardAudio(): void {
    if (this.#state === "ended" || this.#state === "stopping") return;
    if (this.#child === undefined) return this.#host.audioDiscarded();
    this.#child.drainStdout(() => {
      if (this.#state === "stopping" || this.#state === "ended") return;
      this.#aligner.reset();
      this.#child?.resumeStdout();
      this.#host.audioDiscarded();
    });
  }

  stop(event: HandlerEvent): void {
    if (this.#state === "ended" || this.#state === "stopping") return;
    if (this.#child === undefined) return this.#end({ type: "stopped" });
    const gone = this.#state === "exited";
    this.#state = "stopping";
    // The grace of an exited program goes on.
    if (gone) return;
    this.#writer?.send(event);
    this.#writer?.close();
    this.#child.closeStdin();
    this.#child.resumeStdout();
    this.#arm(this.#options.spec.stop_after, () => this.#terminate());
  }

  kill(): void {
    if (this.#state === "ended") return;
    if (this.#child === undefined) return this.#end({ type: "stopped" });
    this.#state = "stopping";
    this.#destroy();
  }

  #spawn(env: Readonly<Record<string, string>>): ChildProcess {
    const { command, limits, cwd } = this.#options.spec;
    return this.#runtime.spawn({
      command: limitedCommand(command, limits),
      env,
      ...(cwd === undefined ? {} : { cwd }),
      events: this.#events(),
    });
  }

  #events(): ProcessEvents {
    return {
      started: (error) => this.#started(error),
      stdout: (data) => this.#stdout(data),
      stderr: (data) => this.#stderr.receive(data),
      control: (data) => this.#control(data),
      stdinDrained: () => this.#input?.flush(),
      controlDrained: () => this.#writer?.flush(),
      // `closed` tells it, and only then is the control channel read to its end too.
      stdoutEnded: () => {},
      exited: (code, signal) => this.#exited({ code, signal }),
      closed: () => this.#closed(),
    };
  }

  #started(error: ProcessStartError | undefined): void {
    if (error !== undefined) {
      const reason = execStartFailure(this.#options.spec, error);
      this.#end(
        this.#state === "stopping" ? { type: "stopped" } : { type: "failed", reason },
      );
    } else if (this.#state === "starting") {
      this.#state = "running";
      this.#host.started();
    }
  }

  #stdout(data: Uint8Array): void {
    if (this.#state === "stopping" || this.#state === "ended") return;
    const room = this.#host.audio(this.#aligner.align(data));
    if (this.#state === "exited") {
      // Only grandchildren can write that much.
      this.#bytesAfterExit += data.length;
      if (this.#bytesAfterExit > BYTES_AFTER_EXIT_MAX) this.#destroy();
    } else if (!room) this.#child?.pauseStdout();
  }

  #control(data: Uint8Array): void {
    if (this.#state !== "stopping" && this.#state !== "ended") this.#reader.receive(data);
  }

  #receiveCommand(command: HandlerCommand): void {
    // The host may have stopped us at an earlier line of the same read.
    if (this.#state === "stopping" || this.#state === "ended") return;
    if (this.#order.receive(command)) return;
    this.#host.refused("Too many commands wait for audio, send fewer", command.command);
  }

  #command(command: HandlerCommand): void {
    if (this.#state === "stopping" || this.#state === "ended") return;
    if (command.command === "clear") {
      this.#aligner.reset();
      this.#child?.resumeStdout();
    }
    this.#host.command(command);
  }

  #exited(exit: ProcessExit): void {
    this.#exit = exit;
    if (this.#state === "ended") return;
    if (this.#state !== "stopping") this.#state = "exited";
    // What the program left is read whatever back pressure says: it is bounded by the pipe.
    this.#child?.resumeStdout();
    this.#arm(PIPE_GRACE, () => this.#destroy());
  }

  #terminate(): void {
    this.#child?.signalGroup("SIGTERM");
    this.#arm(KILL_AFTER, () => this.#destroy());
  }

  /** Ends the group and our side of the pipes; `closed` follows. */
  #destroy(): void {
    this.#arm(GIVE_UP_AFTER, () => this.#closed());
    this.#child?.signalGroup("SIGKILL");
    this.#child?.destroyPipes();
  }

  #closed(): void {
    if (this.#state === "ended") return;
    this.#stderr.end();
    this.#reader.end();
    // Grandchildren without pipes.
    this.#child?.signalGroup("SIGKILL");
    const dropped = this.#writer?.dropped ?? 0;
    if (dropped > 0) {
      this.#host.log(`(${dropped} events were dropped, since file descriptor 3 was not read)`);
    }
    this.#end(this.#verdict());
  }

  #verdict(): HandlerEnd {
    if (this.#state === "stopping") return { type: "stopped" };
    if (this.#exit.code === 0) return { type: "completed" };
    const reason = execExitFailure(this.#options.spec, this.#exit, this.#stderr.lastLine);
    return { type: "failed", reason };
  }

  /** One timer at a time: each step replaces the one before. */
  #arm(delay: Millis, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#runtime.setTimer(callback, delay);
  }

  #end(end: HandlerEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#timer?.cancel();
    this.#probation.end(end.type);
    this.#host.ended(end);
  }
}
