import { describe, expect, test } from "bun:test";
import type { GatherAction } from "../../src/action/action.ts";
import {
  Gather,
  GATHER_DIGITS_MAX,
  GATHER_SPEECH_MAX,
  type GatherOutput,
  LAST_WORDS_MAX,
  SPEECH_LENGTH_MAX,
} from "../../src/action/gather.ts";

const BASE: GatherAction = {
  action: "gather",
  input: ["dtmf"],
  prompts: [],
  digits_max: Infinity,
  finish_keys: "#",
  timeout: 5_000,
  speech_timeout: 1_000,
  barge_in: true,
  on_empty: false,
};

/** Any prompt: only whether there is one matters to the machine. */
const PROMPTS = [{ action: "pause", ms: 1 }] as const;

/** What happens at a time: `key 1`, `voice`, `silence`, `prompts`, `words yes`, `guess y`, `end`. */
type Schedule = readonly (readonly [at: number, what: string])[];

/** Runs a schedule from deadline to deadline; lists what came of it as `at output`. */
function run(options: Partial<GatherAction>, schedule: Schedule): readonly string[] {
  const gather = new Gather({ ...BASE, ...options }, 0);
  const log: string[] = [];
  const take = (outputs: readonly GatherOutput[], at: number): void => {
    for (const output of outputs) log.push(`${at} ${describeOutput(output)}`);
  };
  for (const [at, what] of [...schedule, [Infinity, ""] as const]) {
    while (gather.deadline < at) {
      const { deadline } = gather;
      take(gather.timeout(deadline - 1), deadline - 1);
      take(gather.timeout(deadline), deadline);
    }
    if (at < Infinity) take(feed(gather, what, at), at);
  }
  return log;
}

function feed(gather: Gather, what: string, at: number): readonly GatherOutput[] {
  const [verb, ...rest] = what.split(" ");
  const text = rest.join(" ");
  switch (verb) {
    case "key":
      return gather.key(text, at);
    case "voice":
      return gather.speechStarted(at);
    case "silence":
      return gather.speechStopped(at);
    case "prompts":
      return gather.promptsEnded(at);
    case "words":
      return gather.recognized({ text, final: true, confidence: 0.5 }, at);
    case "guess":
      return gather.recognized({ text, final: false }, at);
    default:
      return gather.recognizerEnded(at);
  }
}

function describeOutput(output: GatherOutput): string {
  if (output.type !== "done") return output.type;
  const { digits, speech, finished_by, finish_key = "" } = output.result;
  return `done ${finished_by}${finish_key} digits=${digits} speech=${speech}`;
}

interface Row {
  readonly name: string;
  readonly action?: Partial<GatherAction>;
  readonly schedule: Schedule;
  readonly expected: readonly string[];
}

const KEYS: readonly Row[] = [
  {
    name: "nothing ends it after the time-out",
    schedule: [],
    expected: ["5000 done timeout digits= speech="],
  },
  {
    name: "each key begins the time-out anew",
    schedule: [[4_999, "key 1"], [9_998, "key 2"]],
    expected: ["14998 done timeout digits=12 speech="],
  },
  {
    name: "the finish key completes it and does not count",
    schedule: [[100, "key 1"], [200, "key 2"], [300, "key #"], [400, "key 3"]],
    expected: ["300 done key# digits=12 speech="],
  },
  {
    name: "the finish key alone completes it with nothing",
    schedule: [[100, "key #"]],
    expected: ["100 done key# digits= speech="],
  },
  {
    name: "any of several finish keys completes it",
    action: { finish_keys: "*#" },
    schedule: [[100, "key 1"], [200, "key *"]],
    expected: ["200 done key* digits=1 speech="],
  },
  {
    name: "without finish keys # is a key like others",
    action: { finish_keys: "", digits_max: 2 },
    schedule: [[100, "key #"], [200, "key 1"]],
    expected: ["200 done digits digits=#1 speech="],
  },
  {
    name: "the last of so many keys completes it",
    action: { digits_max: 4 },
    schedule: [[1, "key 1"], [2, "key 2"], [3, "key 3"], [4, "key A"], [5, "key 5"]],
    expected: ["4 done digits digits=123A speech="],
  },
  {
    name: "the hook flash is no key",
    action: { digits_max: 1 },
    schedule: [[1, "key flash"], [2, "key 7"]],
    expected: ["2 done digits digits=7 speech="],
  },
  {
    name: "voices and words are nothing where speech is not asked for",
    schedule: [[1, "voice"], [2, "words yes"], [3, "silence"], [4, "end"]],
    expected: ["5000 done timeout digits= speech="],
  },
];

const PROMPTED: readonly Row[] = [
  {
    name: "time does not count before the prompts' end",
    action: { prompts: PROMPTS },
    schedule: [[60_000, "prompts"]],
    expected: ["65000 done timeout digits= speech="],
  },
  {
    name: "a key cuts them off and counts",
    action: { prompts: PROMPTS, digits_max: 2 },
    schedule: [[1_000, "key 1"], [2_000, "prompts"], [3_000, "key 2"]],
    expected: ["1000 stop_prompts", "3000 done digits digits=12 speech="],
  },
  {
    name: "the finish key cuts them off",
    action: { prompts: PROMPTS },
    schedule: [[1_000, "key #"]],
    expected: ["1000 stop_prompts", "1000 done key# digits= speech="],
  },
  {
    name: "a key before their end is dropped without barge_in",
    action: { prompts: PROMPTS, barge_in: false, digits_max: 1 },
    schedule: [[1_000, "key 1"], [2_000, "prompts"], [3_000, "key 2"]],
    expected: ["3000 done digits digits=2 speech="],
  },
  {
    name: "a voice cuts them off where speech is asked for",
    action: { prompts: PROMPTS, input: ["speech"] },
    schedule: [
      [1_000, "voice"],
      [2_000, "silence"],
      [2_500, "words yes please"],
      [3_600, "end"],
    ],
    expected: [
      "1000 stop_prompts",
      "3500 listen_over",
      "3600 done speech digits= speech=yes please",
    ],
  },
  {
    name: "words cut them off even when no voice was told of",
    action: { prompts: PROMPTS, input: ["speech"] },
    schedule: [[1_000, "guess yes"], [1_200, "words yes"], [2_300, "end"]],
    expected: ["1000 stop_prompts", "2200 listen_over", "2300 done speech digits= speech=yes"],
  },
  {
    name: "without barge_in a voice that goes on is heard from their end on",
    action: { prompts: PROMPTS, input: ["speech"], barge_in: false },
    schedule: [
      [500, "voice"],
      [900, "words over the prompt"],
      [1_000, "prompts"],
      [8_000, "silence"],
      [8_500, "words yes"],
      [9_600, "end"],
    ],
    expected: ["9500 listen_over", "9600 done speech digits= speech=yes"],
  },
];

const SPOKEN: readonly Row[] = [
  {
    name: "several texts are joined, and a guess is replaced by what it became",
    action: { input: ["speech"] },
    schedule: [
      [1_000, "voice"],
      [1_500, "guess on"],
      [1_600, "guess one too"],
      [1_700, "words one two"],
      [1_800, "words three"],
      [1_900, "silence"],
      [3_000, "end"],
    ],
    expected: ["2900 listen_over", "3000 done speech digits= speech=one two three"],
  },
  {
    name: "the last words may come after listening is over",
    action: { input: ["speech"] },
    schedule: [[1_000, "voice"], [2_000, "silence"], [3_500, "words late"], [3_600, "end"]],
    expected: ["3000 listen_over", "3600 done speech digits= speech=late"],
  },
  {
    name: "a guess counts when nothing better comes",
    action: { input: ["speech"] },
    schedule: [[1_000, "voice"], [1_100, "guess maybe"], [2_000, "silence"], [3_100, "end"]],
    expected: ["3000 listen_over", "3100 done speech digits= speech=maybe"],
  },
  {
    name: "a voice again within the pause goes on",
    action: { input: ["speech"] },
    schedule: [
      [1_000, "voice"],
      [2_000, "silence"],
      [2_900, "voice"],
      [3_500, "words a and b"],
      [4_000, "silence"],
      [5_100, "end"],
    ],
    expected: ["5000 listen_over", "5100 done speech digits= speech=a and b"],
  },
  {
    name: "a voice without words is nothing",
    action: { input: ["speech"] },
    schedule: [[1_000, "voice"], [1_200, "silence"], [2_300, "end"]],
    expected: ["2200 listen_over", "2300 done timeout digits= speech="],
  },
  {
    name: "who speaks without end is cut off",
    action: { input: ["speech"] },
    schedule: [[1_000, "voice"], [2_000, "words on and on"]],
    expected: [
      `${1_000 + GATHER_SPEECH_MAX} listen_over`,
      `${1_000 + GATHER_SPEECH_MAX + LAST_WORDS_MAX} done speech digits= speech=on and on`,
    ],
  },
  {
    name: "a recognizer that ends early has said what there is",
    action: { input: ["speech"] },
    schedule: [[1_000, "voice"], [2_000, "words yes"], [2_100, "end"]],
    expected: ["2100 done speech digits= speech=yes"],
  },
  {
    name: "without a recognizer nothing is waited for",
    action: { input: ["speech"] },
    schedule: [[10, "end"]],
    expected: ["10 done timeout digits= speech="],
  },
  {
    name: "without a recognizer the prompts are heard all the same",
    action: { input: ["speech"], prompts: PROMPTS },
    schedule: [[10, "end"], [900, "prompts"]],
    expected: ["900 done timeout digits= speech="],
  },
];

const BOTH: readonly Row[] = [
  {
    name: "the first key turns speech off",
    schedule: [[1_000, "voice"], [1_100, "words one"], [1_200, "key 1"], [1_300, "words two"]],
    expected: ["1200 listen_over", "6200 done timeout digits=1 speech="],
  },
  {
    name: "a key while the last words are awaited wins",
    schedule: [[1_000, "voice"], [1_500, "silence"], [2_600, "key 1"], [2_700, "words one"]],
    expected: ["2500 listen_over", "7600 done timeout digits=1 speech="],
  },
  {
    name: "a finish key says that all was said",
    schedule: [[1_000, "voice"], [2_000, "key #"], [2_300, "words four two"], [2_400, "end"]],
    expected: ["2000 listen_over", "2400 done speech digits= speech=four two"],
  },
  {
    name: "a finish key behind a voice without words is a finish key",
    schedule: [[1_000, "voice"], [2_000, "key #"], [2_400, "end"]],
    expected: ["2000 listen_over", "2400 done key# digits= speech="],
  },
  {
    name: "without a recognizer keys are still waited for",
    schedule: [[10, "end"], [4_000, "key 5"], [4_100, "key #"]],
    expected: ["4100 done key# digits=5 speech="],
  },
  {
    name: "a recognizer that fails while the caller speaks leaves time for keys",
    schedule: [[1_000, "voice"], [2_000, "end"], [6_500, "key 5"]],
    expected: ["11500 done timeout digits=5 speech="],
  },
  {
    name: "a key cuts off prompts and listening",
    action: { prompts: PROMPTS, digits_max: 1 },
    schedule: [[300, "key 9"]],
    expected: ["300 stop_prompts", "300 listen_over", "300 done digits digits=9 speech="],
  },
];

const TABLES = [
  { title: "gathering keys", rows: KEYS, action: {} },
  { title: "gathering over prompts", rows: PROMPTED, action: {} },
  { title: "gathering words", rows: SPOKEN, action: {} },
  { title: "gathering keys or words", rows: BOTH, action: { input: ["dtmf", "speech"] } },
] as const;

for (const { title, rows, action: common } of TABLES) {
  describe(title, () => {
    for (const { name, action, schedule, expected } of rows) {
      test(name, () => {
        expect(run({ ...common, ...action }, schedule)).toEqual(expected);
      });
    }
  });
}

describe("what a gathering takes at most", () => {
  test("keys without a bound end at one", () => {
    const schedule = Array.from({ length: 300 }, (_, at) => [at, "key 1"] as const);
    expect(run({ finish_keys: "" }, schedule)).toEqual([
      `${GATHER_DIGITS_MAX - 1} done digits digits=${"1".repeat(GATHER_DIGITS_MAX)} speech=`,
    ]);
  });

  test("words do not pile up", () => {
    const gather = new Gather({ ...BASE, input: ["speech"] }, 0);
    for (let at = 0; at < 1_000; at++) {
      gather.recognized({ text: "word ".repeat(100), final: true }, at);
    }
    const [output] = gather.recognizerEnded(1_000);
    const speech = output?.type === "done" ? output.result.speech : "";
    expect(speech.length).toBeGreaterThan(SPEECH_LENGTH_MAX / 2);
    expect(speech.length).toBeLessThan(SPEECH_LENGTH_MAX * 1.1);
  });

  test("confidence is the mean, long texts counting for more", () => {
    const gather = new Gather({ ...BASE, input: ["speech"] }, 0);
    gather.recognized({ text: "abc", final: true, confidence: 1 }, 1);
    gather.recognized({ text: "d", final: true, confidence: 0.2 }, 2);
    gather.recognized({ text: "without", final: true }, 3);
    const [output] = gather.recognizerEnded(4);
    expect(output?.type === "done" ? output.result.confidence : 0).toBeCloseTo(0.8);
  });

  test("listens only while words count", () => {
    const action = { ...BASE, input: ["speech"], prompts: PROMPTS } as const;
    expect(new Gather(action, 0).isListening).toBe(true);
    const patient = new Gather({ ...action, barge_in: false }, 0);
    expect(patient.isListening).toBe(false);
    patient.promptsEnded(1);
    expect(patient.isListening).toBe(true);
    patient.recognizerEnded(2);
    expect(patient.isListening).toBe(false);
  });
});
