import { expect, test } from "bun:test";
import { RecordingLinks } from "../../src/twilio/recording_links.ts";
import { callSid, newSid } from "../../src/twilio/sids.ts";

const ACCOUNT = `AC${"1".repeat(32)}`;

/** Counts, so that every sid is another one. */
function links(): RecordingLinks {
  let next = 0;
  return new RecordingLinks("https://gw.example.com", {
    fill: (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(0, next++),
  });
}

test("a recording is found by its sid, under a URL of Twilio's shape", () => {
  const known = links();
  const link = { file: "/var/recordings/a.wav", accountSid: ACCOUNT };
  const { sid, url } = known.add(link);
  expect(sid).toMatch(/^RE[\da-f]{32}$/);
  expect(url).toBe(
    `https://gw.example.com/2010-04-01/Accounts/${ACCOUNT}/Recordings/${sid}`,
  );
  expect(known.find(sid)).toEqual(link);
  expect(known.find(`RE${"f".repeat(32)}`)).toBeUndefined();
});

test("the oldest recordings are forgotten", () => {
  const known = links();
  const sids = Array.from(
    { length: 10_001 },
    (_, index) => known.add({ file: `${index}`, accountSid: ACCOUNT }).sid,
  );
  expect(known.find(sids[0] as string)).toBeUndefined();
  expect(known.find(sids[1] as string)?.file).toBe("1");
  expect(known.find(sids[10_000] as string)?.file).toBe("10000");
});

test("names are two letters and 32 hexadecimal digits", () => {
  expect(callSid("0198C0DE-0000-7000-8000-00000000000A")).toBe(
    "CA0198c0de00007000800000000000000a",
  );
  const counting = { fill: (bytes: Uint8Array) => bytes.forEach((_, at) => bytes[at] = at) };
  expect(newSid("MZ", counting))
    .toBe("MZ000102030405060708090a0b0c0d0e0f");
});
