import { beforeEach, describe, expect, test } from "bun:test";
import type { NextRequest } from "../../../src/action/action.ts";
import {
  ActionRunner,
  type Reply,
  ROUNDS_MAX,
} from "../../../src/handler/webhook/action_runner.ts";
import type { Step, StepEnd, WebAction } from "../../../src/handler/webhook/step.ts";
import { NEXT } from "../../../src/handler/webhook/step.ts";
import { EMPTY_STATISTICS } from "../../../src/call/call_record.ts";
import type { EndEvent } from "../../../src/call/handler_message.ts";

const BASE = "http://bot.test/voice";
const NEXT_URL: NextRequest = { url: "/next", method: "POST" };
const FETCH: WebAction = { action: "fetch", next: NEXT_URL };

function say(text: string): WebAction {
  return { action: "say", text, loop: 1 };
}

function actions(...list: WebAction[]): Reply {
  return { type: "actions", actions: list, base: BASE };
}

/** A runner whose steps end when the test says so, but `fetch`, which asks at once. */
class Bench {
  readonly done: string[] = [];
  readonly steps: { readonly name: string; readonly end: (end: StepEnd) => void }[] = [];
  readonly questions: { readonly base: string; readonly reply: (reply: Reply) => void }[] = [];
  now = 0;
  readonly runner = new ActionRunner({
    now: () => this.now,
    makeStep: (action, _base, ended) => this.#step(action, ended),
    ask: (_question, base, reply) => {
      this.done.push("ask");
      this.questions.push({ base, reply });
      return { abort: () => this.done.push("abort") };
    },
    command: ({ command }) => this.done.push(`command ${command}`),
    clearSound: () => this.done.push("clear"),
    waiting: (isWaiting) => this.done.push(isWaiting ? "waits" : "waits no more"),
    ranOut: () => this.done.push("ran out"),
    failed: (reason) => this.done.push(`failed: ${reason}`),
  });

  /** What happened since the last look. */
  take(): string[] {
    return this.done.splice(0);
  }

  #step(action: WebAction, ended: (end: StepEnd) => void): Step {
    const name = action.action === "say" ? action.text : action.action;
    const end = (how: StepEnd) => {
      this.done.push(`${name} ends`);
      ended(how);
    };
    this.steps.push({ name, end });
    return {
      isSound: action.action === "say",
      start: () => {
        this.done.push(name);
        if (action.action === "fetch") {
          end({ type: "ask", question: { type: "fetch", next: action.next } });
        }
      },
      stop: () => this.done.push(`${name} stops`),
    };
  }
}

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

describe("the actions of a web server", () => {
  test("are done one after the other, and then nothing is left", () => {
    bench.runner.replace([say("a"), say("b")], BASE);
    expect(bench.take()).toEqual(["clear", "a"]);
    bench.steps[0]?.end(NEXT);
    expect(bench.take()).toEqual(["a ends", "b"]);
    bench.steps[1]?.end(NEXT);
    expect(bench.take()).toEqual(["b ends", "ran out"]);
  });

  test("wait for the answer to a question, which replaces what was left", () => {
    bench.runner.replace([FETCH, say("never")], BASE);
    expect(bench.take()).toEqual(["clear", "fetch", "fetch ends", "waits", "ask"]);
    bench.questions[0]?.reply(actions(say("a")));
    expect(bench.take()).toEqual(["waits no more", "a"]);
    bench.steps[1]?.end(NEXT);
    expect(bench.take()).toEqual(["a ends", "ran out"]);
  });

  test("go on where the answer says nothing", () => {
    bench.runner.replace([FETCH, say("a")], BASE);
    bench.questions[0]?.reply({ type: "none" });
    expect(bench.take().at(-1)).toBe("a");
  });

  test("end where the answer is an empty list", () => {
    bench.runner.replace([FETCH, say("a")], BASE);
    bench.questions[0]?.reply(actions());
    expect(bench.take().at(-1)).toBe("ran out");
  });

  test("belong to the URL of the response that they stand in", () => {
    bench.runner.replace([say("a")], "http://one.test/");
    bench.runner.append([FETCH], "http://two.test/");
    expect(bench.runner.base).toBe("http://one.test/");
    bench.steps[0]?.end(NEXT);
    expect(bench.questions[0]?.base).toBe("http://two.test/");
  });

  test("fail with the server, and nothing follows", () => {
    bench.runner.replace([FETCH, say("a")], BASE);
    bench.questions[0]?.reply({ type: "failed", reason: "it is down" });
    expect(bench.take().slice(-2)).toEqual(["waits no more", "failed: it is down"]);
    bench.runner.replace([say("b")], BASE);
    expect(bench.take()).toEqual([]);
  });

  test("take no time on the stack, however many there are", () => {
    let left = 50_000;
    const runner = new ActionRunner({
      now: () => 0,
      makeStep: (_action, _base, ended) => ({
        start: () => {
          left--;
          ended(NEXT);
        },
        stop: () => {},
      }),
      ask: () => undefined,
      command: () => {},
      clearSound: () => {},
      waiting: () => {},
      ranOut: () => {
        if (left > 0) runner.replace(new Array(100).fill(say("a")), BASE);
      },
      failed: () => {},
    });
    expect(() => runner.replace([say("a")], BASE)).not.toThrow();
  });
});

describe("an answer to something by the way", () => {
  test("interrupts what is being done", () => {
    bench.runner.replace([say("a"), say("b")], BASE);
    bench.take();
    bench.runner.interject([say("c")], BASE);
    expect(bench.take()).toEqual(["a stops", "clear", "c"]);
  });

  test("lets it be where it is empty, or has commands alone", () => {
    bench.runner.replace([say("a")], BASE);
    bench.take();
    bench.runner.interject([], BASE);
    bench.runner.interject([{ action: "command", command: { command: "hold" } }], BASE);
    expect(bench.take()).toEqual(["command hold"]);
  });

  test("has its commands done before its actions", () => {
    bench.runner.interject(
      [say("a"), { action: "command", command: { command: "hold" } }],
      BASE,
    );
    expect(bench.take()).toEqual(["command hold", "clear", "a"]);
  });

  test("gives up a question whose answer is still awaited", () => {
    bench.runner.replace([FETCH], BASE);
    bench.take();
    bench.runner.interject([say("a")], BASE);
    expect(bench.take()).toEqual(["abort", "waits no more", "clear", "a"]);
    bench.questions[0]?.reply(actions(say("late")));
    expect(bench.take()).toEqual([]);
  });

  test("follows behind sound that is appended to, and ends what waits for keys", () => {
    bench.runner.replace([say("a")], BASE);
    bench.take();
    bench.runner.append([say("b")], BASE);
    expect(bench.take()).toEqual([]);
    bench.steps[0]?.end(NEXT);
    expect(bench.take()).toEqual(["a ends", "b"]);
    bench.runner.replace([{ action: "exec", program: "p" }], BASE);
    bench.take();
    bench.runner.append([say("c")], BASE);
    expect(bench.take()).toEqual(["exec stops", "clear", "c"]);
  });
});

describe("responses that lead nowhere", () => {
  test("are followed so often and no more", () => {
    bench.runner.replace([FETCH], BASE);
    for (let round = 0; round < ROUNDS_MAX; round++) {
      bench.questions.at(-1)?.reply(actions(FETCH));
    }
    expect(bench.take().join()).not.toContain("failed");
    bench.questions.at(-1)?.reply(actions(FETCH));
    expect(bench.take().join()).toContain("round in a circle");
    expect(bench.questions).toHaveLength(ROUNDS_MAX + 1);
  });

  test("are forgotten when something was heard in between", () => {
    bench.runner.replace([FETCH], BASE);
    for (let round = 0; round < ROUNDS_MAX * 3; round++) {
      bench.questions.at(-1)?.reply(actions(say("a"), FETCH));
      bench.now += 100;
      bench.steps.at(-1)?.end(NEXT);
    }
    expect(bench.take().join()).not.toContain("failed");
  });
});

describe("the end of the call", () => {
  const END: EndEvent = {
    event: "end",
    cause: "caller_hangup",
    sip_status: 200,
    duration_ms: 1,
    statistics: EMPTY_STATISTICS,
  };

  test("stops what is being done, and asks what it still wanted to know", () => {
    bench.runner.replace([say("a"), say("b")], BASE);
    bench.take();
    const asked: unknown[] = [];
    bench.runner.finish(END, (question) => asked.push(question));
    expect(bench.take()).toEqual(["a stops"]);
    expect(asked).toEqual([undefined]);
    bench.steps[0]?.end(NEXT);
    expect(bench.take()).toEqual(["a ends"]);
  });
});

describe("sound that is not wanted any more", () => {
  test("takes what follows as sound alone with it", () => {
    bench.runner.replace([say("a"), say("b"), { action: "pause", ms: 9 }, FETCH, say("c")], BASE);
    bench.take();
    bench.runner.dropSounds();
    bench.steps[0]?.end(NEXT);
    expect(bench.take()).toEqual(["a ends", "fetch", "fetch ends", "waits", "ask"]);
  });
});

describe("answers to what they have brought on themselves", () => {
  const CLEAR: WebAction = { action: "command", command: { command: "clear" } };

  test("are taken so often and no more, while nothing else happens", () => {
    bench.runner.replace([say("a")], BASE);
    for (let round = 0; round <= ROUNDS_MAX; round++) bench.runner.interject([CLEAR], BASE, true);
    expect(bench.take().at(-1)).toContain("round in a circle");
  });

  test("are no circle where time passes, or the caller did it", () => {
    bench.runner.replace([say("a")], BASE);
    for (let round = 0; round < ROUNDS_MAX * 3; round++) {
      bench.now += 100;
      bench.runner.interject([CLEAR], BASE, true);
      bench.runner.interject([CLEAR], BASE);
    }
    expect(bench.take().join()).not.toContain("failed");
  });
});
