import { describe, expect, test } from "bun:test";
import { type RandomSource, SeededRandom } from "../../../src/base/random.ts";
import { createRequest, createResponse } from "../../../src/sip/message/build.ts";
import type { SipResponse } from "../../../src/sip/message/message.ts";
import {
  Registration,
  REGISTRATION_TRANSITIONS,
  type RegistrationOutput,
  type RegistrationState,
} from "../../../src/sip/user_agent/registration.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";

const CONTACT = "sip:token@192.0.2.1:5060";
const MINUTE = 60_000;

type Header = readonly [string, string];

/** A response to a REGISTER of ours. */
function response(statusCode: number, headers: readonly Header[] = [], sequence = 1): SipResponse {
  const request = createRequest({
    method: "REGISTER",
    requestUri: "sip:pbx.example.com",
    headers: [
      ["Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"],
      ["From", "<sip:100@pbx.example.com>;tag=a"],
      ["To", "<sip:100@pbx.example.com>"],
      ["Call-ID", "c"],
      ["CSeq", `${sequence} REGISTER`],
    ],
  });
  return createResponse(request, statusCode, { toTag: "b", headers });
}

/** Random numbers that are all as small, or as large, as they can be. */
function extreme(byte: 0 | 255): RandomSource {
  return { fill: (buffer) => void buffer.fill(byte) };
}

interface Setup {
  readonly machine: Registration;
  readonly clock: VirtualClock;
  /** Hands a response in. */
  answer(statusCode: number, headers?: readonly Header[]): RegistrationOutput[];
  /** No response came. */
  fail(statusCode?: 408 | 503): RegistrationOutput[];
}

function setUp(
  { expires = 10 * MINUTE, random = new SeededRandom(1) as RandomSource } = {},
): Setup {
  const machine = new Registration({ expires, random });
  const clock = new VirtualClock();
  return {
    machine,
    clock,
    answer: (statusCode, headers = []) =>
      machine.receive({ statusCode, response: response(statusCode, headers) }, CONTACT, clock.now),
    fail: (statusCode = 408) =>
      machine.receive({ statusCode, response: undefined }, CONTACT, clock.now),
  };
}

function registered(setup: Setup, headers: readonly Header[] = []): void {
  setup.machine.start(setup.clock.now);
  setup.answer(200, headers);
  expect(setup.machine.state).toBe("registered");
}

function types(outputs: readonly RegistrationOutput[]): string[] {
  return outputs.map((output) =>
    output.type === "register" ? `${output.type} ${output.target}` : output.type
  );
}

/** When the next try is due after a failure. */
function retryAt(outputs: readonly RegistrationOutput[]): number {
  const output = outputs.find(({ type }) => type === "lost" || type === "refused");
  return output !== undefined && "retryAt" in output ? output.retryAt : NaN;
}

/** The second between which the refresh comes after a 200 with these headers. */
function refreshSecond(headers: readonly Header[], random: RandomSource): number {
  const setup = setUp({ random });
  registered(setup, headers);
  return (setup.machine.deadline as number) / 1000;
}

describe("RFC 3261 §10.2 registration", () => {
  test("asks for what it is told to, once it is started", () => {
    const { machine, clock } = setUp({ expires: 90_500 });
    expect(machine.state).toBe("idle");
    expect(machine.start(clock.now)).toMatchObject([
      { type: "register", expiresSeconds: 91, target: "first", sequence: 1 },
    ]);
    expect([machine.state, machine.deadline]).toEqual(["registering", undefined]);
    expect(machine.start(clock.now)).toEqual([]);
  });

  test("§10.2.4 holds for as long as our own Contact says, whatever others have", () => {
    const setup = setUp();
    setup.machine.start(0);
    const outputs = setup.answer(200, [
      ["Contact", '"Phone" <sip:100@192.0.2.9>;expires=20, <sip:token@192.0.2.1:5060>;expires=300'],
      ["Contact", "<sip:100@192.0.2.10;unreadable=>;expires=10"],
      ["Expires", "40"],
    ]);
    expect(outputs).toEqual([{ type: "registered", until: 300_000 }]);
  });

  test("§10.2.4 knows its Contact with a rewritten address by its user", () => {
    const setup = setUp();
    setup.machine.start(0);
    const contact = "<sip:100@192.0.2.9>;expires=20, <sip:token@203.0.113.7:1024>;expires=120";
    expect(setup.answer(200, [["Contact", contact]])).toEqual([
      { type: "registered", until: 120_000 },
    ]);
  });

  test("§10.2.4 takes the Expires header where the Contact says nothing, else what it asked for", () => {
    const byHeader = setUp();
    byHeader.machine.start(0);
    expect(byHeader.answer(200, [["Contact", `<${CONTACT}>`], ["Expires", "60"]]))
      .toEqual([{ type: "registered", until: MINUTE }]);
    const byRequest = setUp();
    byRequest.machine.start(0);
    expect(byRequest.answer(200)).toEqual([{ type: "registered", until: 10 * MINUTE }]);
  });

  test("a 200 that grants nothing is a refusal", () => {
    const setup = setUp();
    setup.machine.start(0);
    expect(setup.answer(200, [["Contact", `<${CONTACT}>;expires=0`]])).toMatchObject([
      { type: "refused", reason: "the registrar granted 0 s" },
    ]);
  });

  test("refreshes at 80 to 90 % of what was granted, less a margin, at the same target", () => {
    const granted: readonly Header[] = [["Contact", `<${CONTACT}>;expires=600`]];
    expect(refreshSecond(granted, extreme(0))).toBe(475);
    expect(Math.round(refreshSecond(granted, extreme(255)))).toBe(535);
    expect(refreshSecond([["Expires", "60"]], extreme(0))).toBe(43);
    const setup = setUp();
    registered(setup, granted);
    const [{ at, output } = { at: 0, output: undefined }] = setup.clock.run(setup.machine, 540_000);
    expect(at).toBeGreaterThan(474_999);
    expect(output).toMatchObject({ type: "register", target: "same", expiresSeconds: 600 });
    expect(setup.machine.state).toBe("refreshing");
    expect(types(setup.answer(200, granted))).toEqual(["registered"]);
  });

  test("a registrar that grants a second is not asked every second", () => {
    expect(refreshSecond([["Expires", "1"]], extreme(0))).toBe(5);
  });

  test("a registrar that grants an eternity is asked within a week", () => {
    expect(refreshSecond([["Expires", "4294967295"]], extreme(255))).toBeLessThan(604_800);
  });

  test("§10.2 keeps Call-ID and tag, and raises CSeq beyond what challenges took", () => {
    const setup = setUp();
    const [first] = setup.machine.start(0);
    // A challenge made it 2
    setup.machine.receive({ statusCode: 200, response: response(200, [], 2) }, CONTACT, 0);
    const second = setup.clock.run(setup.machine, 10 * MINUTE)[0]?.output;
    expect(second).toMatchObject({ sequence: 3 });
    const [third] = setup.fail();
    if (first?.type !== "register" || second?.type !== "register" || third?.type !== "register") {
      throw new Error("Not all of them are a REGISTER");
    }
    expect(third.sequence).toBeGreaterThan(second.sequence);
    expect([second.callId, second.fromTag]).toEqual([first.callId, first.fromTag]);
    expect([third.callId, third.fromTag]).toEqual([first.callId, first.fromTag]);
    expect(first.callId).toHaveLength(32);
  });

  test("§10.2.8 raises its expiry to what a 423 wants, and keeps to it", () => {
    const setup = setUp({ expires: MINUTE });
    setup.machine.start(0);
    expect(setup.answer(423, [["Min-Expires", "3600"]])).toMatchObject([
      { type: "register", target: "same", expiresSeconds: 3600 },
    ]);
    setup.answer(200, [["Expires", "3600"]]);
    const [timed] = setup.clock.run(setup.machine, 60 * MINUTE);
    expect(timed?.output).toMatchObject({ expiresSeconds: 3600 });
  });

  test("§10.2.8 a 423 that raises nothing, or again and again, is a refusal", () => {
    for (const value of ["60", "30", "x", "99999999"]) {
      const setup = setUp({ expires: MINUTE });
      setup.machine.start(0);
      expect(types(setup.answer(423, [["Min-Expires", value]]))).toEqual(["refused"]);
    }
    const setup = setUp({ expires: MINUTE });
    setup.machine.start(0);
    const answers = [61, 62, 63, 64].map((value) =>
      types(setup.answer(423, [["Min-Expires", `${value}`]]))
    );
    expect(answers.flat()).toEqual([
      "register same",
      "register same",
      "register same",
      "refused",
    ]);
  });

  test("§10.2.2 takes the binding back when it is stopped", () => {
    const setup = setUp();
    registered(setup);
    expect(setup.machine.stop(0)).toMatchObject([
      { type: "register", expiresSeconds: 0, target: "same", sequence: 2 },
    ]);
    expect(setup.machine.deadline).toBeUndefined();
    expect(setup.answer(200)).toEqual([]);
    expect(setup.machine.state).toBe("stopped");
  });

  test("§10.2 waits for the answer that is due before it takes a binding back", () => {
    const setup = setUp();
    setup.machine.start(0);
    expect(setup.machine.stop(0)).toEqual([]);
    expect(setup.answer(200)).toMatchObject([{ type: "register", expiresSeconds: 0 }]);
    expect(setup.fail()).toEqual([]);
    expect(setup.machine.state).toBe("stopped");
  });

  test("has nothing to take back where nothing was registered", () => {
    const idle = setUp();
    expect(idle.machine.stop(0)).toEqual([]);
    expect(idle.machine.state).toBe("stopped");
    const failed = setUp();
    failed.machine.start(0);
    failed.machine.stop(0);
    expect(failed.fail()).toEqual([]);
    expect(failed.machine.state).toBe("stopped");
    const waiting = setUp();
    waiting.machine.start(0);
    waiting.answer(403);
    expect(waiting.machine.stop(0)).toEqual([]);
    expect([waiting.machine.state, waiting.machine.deadline]).toEqual(["stopped", undefined]);
  });
});

describe("RFC 5626 §4.5 failures of a registration", () => {
  test("tries the next target on 408, 5xx and silence, and waits when there is none", () => {
    const setup = setUp();
    setup.machine.start(0);
    expect(types(setup.fail(408))).toEqual(["register next"]);
    expect(types(setup.fail(503))).toEqual(["register next"]);
    expect(types(setup.answer(408))).toEqual(["register next"]);
    expect(types(setup.answer(500))).toEqual(["register next"]);
    const outputs = setup.machine.exhausted(0);
    expect(outputs).toMatchObject([{ type: "lost", reason: "500 Server Internal Error" }]);
    expect(setup.machine.deadline).toBe(retryAt(outputs));
    expect(types(setup.clock.runToEnd(setup.machine).map(({ output }) => output)))
      .toEqual(["register first"]);
  });

  test("waits a random half of 60 s, doubling up to 30 minutes", () => {
    for (const [byte, share] of [[0, 0.5], [255, 1]] as const) {
      const setup = setUp({ random: extreme(byte) });
      setup.machine.start(0);
      const waits: number[] = [];
      for (let round = 0; round < 8; round++) {
        setup.fail();
        waits.push(Math.round(retryAt(setup.machine.exhausted(setup.clock.now)) - setup.clock.now));
        setup.clock.runToEnd(setup.machine);
      }
      const expected = [1, 2, 4, 8, 16, 30, 30, 30].map((minutes) => minutes * MINUTE * share);
      expect(waits).toEqual(expected);
    }
  });

  test("begins with short waits again after a registration that held", () => {
    const setup = setUp({ random: extreme(255) });
    setup.machine.start(0);
    for (let round = 0; round < 3; round++) {
      setup.fail();
      setup.machine.exhausted(setup.clock.now);
      setup.clock.runToEnd(setup.machine);
    }
    setup.answer(200);
    setup.clock.runToEnd(setup.machine);
    expect(types(setup.fail())).toEqual(["register first"]);
    const lost = setup.machine.exhausted(setup.clock.now);
    expect(Math.round(retryAt(lost) - setup.clock.now)).toBe(MINUTE);
  });

  test("§20.33 leaves a registrar alone for as long as it asks, a day at most", () => {
    const waits = ["3600", "120 (I am in a meeting);duration=60", "999999999", "soon"].map(
      (text) => {
        const setup = setUp({ random: extreme(255) });
        setup.machine.start(0);
        setup.answer(503, [["Retry-After", text]]);
        setup.fail();
        return Math.round(retryAt(setup.machine.exhausted(0)) / 1000);
      },
    );
    expect(waits).toEqual([3600, 120, 86_400, 60]);
  });

  test("who refuses us is left alone for minutes, then for longer", () => {
    for (const statusCode of [401, 403, 404, 407, 480, 501, 600, 302]) {
      const setup = setUp({ random: extreme(255) });
      setup.machine.start(0);
      const outputs = setup.answer(statusCode);
      expect([statusCode, types(outputs)]).toEqual([statusCode, ["refused"]]);
      expect(retryAt(outputs)).toBeGreaterThan(3 * MINUTE);
      setup.clock.runToEnd(setup.machine);
      expect(retryAt(setup.answer(statusCode)) - setup.clock.now).toBeGreaterThan(7 * MINUTE);
    }
  });

  test("a refresh without answer looks the registrar up anew before anything is lost", () => {
    const setup = setUp();
    registered(setup);
    setup.clock.runToEnd(setup.machine);
    expect(types(setup.fail())).toEqual(["register first"]);
    expect(setup.machine.state).toBe("registering");
    expect(types(setup.answer(200))).toEqual(["registered"]);
  });

  test("§4.4 registers at once when the connection breaks", () => {
    const setup = setUp();
    registered(setup);
    setup.clock.run(setup.machine, 2 * MINUTE);
    expect(setup.machine.flowFailed(setup.clock.now)).toMatchObject([
      { type: "lost", reason: "the connection is gone", retryAt: 2 * MINUTE },
      { type: "register", target: "first" },
    ]);
    expect(setup.machine.flowFailed(setup.clock.now)).toEqual([]);
  });

  test("§4.5 waits when connections break again and again", () => {
    const setup = setUp({ random: extreme(255) });
    const waits: number[] = [];
    setup.machine.start(0);
    for (let round = 0; round < 3; round++) {
      setup.answer(200);
      waits.push(Math.round(retryAt(setup.machine.flowFailed(setup.clock.now)) - setup.clock.now));
      setup.clock.runToEnd(setup.machine);
    }
    expect(waits).toEqual([MINUTE, 2 * MINUTE, 4 * MINUTE]);
  });

  test("a name that leads nowhere is a failure with its reason", () => {
    const setup = setUp();
    setup.machine.start(0);
    expect(setup.machine.exhausted(0, "no such name")).toMatchObject([
      { type: "lost", reason: "no such name" },
    ]);
  });
});

describe("the registration machine", () => {
  test("does nothing before its deadline, and nothing when an answer comes unasked", () => {
    const setup = setUp();
    registered(setup);
    expect(setup.machine.timeout(1000)).toEqual([]);
    expect(setup.answer(200)).toEqual([]);
    expect(setup.answer(403)).toEqual([]);
    expect(setup.machine.state).toBe("registered");
  });

  test("ends in stopped from every state, and stays there", () => {
    const states = Object.keys(REGISTRATION_TRANSITIONS) as RegistrationState[];
    for (const state of states.filter((one) => one !== "stopped")) {
      const reached = new Set<RegistrationState>([state]);
      for (const from of reached) {
        for (const { next } of Object.values(REGISTRATION_TRANSITIONS[from])) reached.add(next);
      }
      expect([state, reached.has("stopped")]).toEqual([state, true]);
    }
    expect(REGISTRATION_TRANSITIONS.stopped).toEqual({});
  });
});
