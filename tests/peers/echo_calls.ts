/**
 * Calls of phones that a handler of 16 kHz echoes: what they say has to come back.
 *
 * @module
 */

import type { CallRecord } from "../../src/call/call_record.ts";
import type { RunningGateway } from "../support/gateway.ts";
import { baresipRate } from "./baresip.ts";
import {
  type CodecRow,
  expectEcho,
  expectStretchedEcho,
  expectWhole,
  soundOf,
  WIDEBAND_RATE,
} from "./codec_rows.ts";
import type { LinphoneOptions } from "./linphone.ts";
import type { PhoneRig } from "./phone_rig.ts";

/** Longer than the sound. */
const CALL_MS = 2500;

/** baresip calls, and hears all of what it says. Resolves with the record of the call. */
export async function baresipEcho(
  rig: PhoneRig,
  server: RunningGateway,
  { row, srtp = false }: { readonly row: CodecRow; readonly srtp?: boolean },
): Promise<CallRecord> {
  const { codec } = row;
  const rate = baresipRate(codec);
  const phone = await rig.baresip({ codec, sound: soundOf(row, rate), srtp });
  await phone.command("dial", `sip:wide@${server.udp}`);
  await phone.event("CALL_CLOSED");
  expectEcho(row, { ...await phone.finish(), rate });
  const [record] = await server.ended(1);
  expectWhole(record, row);
  return record as CallRecord;
}

/** Linphone calls, and hears what it says, as it stretches it. Resolves with the record of the call. */
export async function linphoneEcho(
  rig: PhoneRig,
  server: RunningGateway,
  { row, ...options }: { readonly row: CodecRow } & Pick<LinphoneOptions, "codec" | "suite">,
): Promise<CallRecord> {
  const rate = WIDEBAND_RATE;
  const sound = soundOf(row, rate);
  const phone = await rig.linphone({ ...options, sound, rate });
  phone.command(`call sip:wide@${server.udp}`);
  await phone.says(/Media streams established/);
  await Bun.sleep(CALL_MS);
  phone.command("terminate");
  const [record] = await server.ended(1);
  const heard = await phone.finish();
  expectWhole(record, row);
  expectStretchedEcho(row, { sent: sound, heard, rate });
  return record as CallRecord;
}
