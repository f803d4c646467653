/**
 * The handler keys `reject` and `redirect`: answers without audio.
 *
 * @module
 */

import { z } from "zod";
import type { RedirectSpec, RejectSpec } from "../../route/route.ts";
import { refuseHeader } from "../header_name.ts";
import { named, shorten, template, text } from "../schema_values.ts";

const rejectStatus = z.int().min(400).max(699).meta({
  title: "Status",
  description: "SIP status of the refusal.",
  examples: [403, 486, 603],
});

const rejectMapping = z.strictObject({
  status: rejectStatus,
  reason: text().optional().meta({
    title: "Reason phrase",
    description: "Text beside the status; default: the one that SIP gives it.",
    examples: ["Not Today"],
  }),
  headers: named(template(), refuseHeader).prefault({}).meta({
    title: "Headers",
    description: "More headers of the response. Values take placeholders.",
    examples: [{ "Retry-After": "120", "X-Room-ID": "{room_id}" }],
  }),
});

export const rejectSchema = z.union([rejectStatus, rejectMapping])
  .transform((given): RejectSpec => {
    if (typeof given === "number") return { type: "reject", status: given, headers: {} };
    const { reason, ...rest } = given;
    return { type: "reject", ...rest, ...(reason === undefined ? {} : { reason }) };
  })
  .meta({
    title: "Refuse",
    description: "Refuses the call. A number is the SIP status; a mapping has more keys.",
    examples: [486, { status: 403, reason: "Members Only" }],
  });

const targetUri = template().check((context) => {
  if (/^(sips?|tel):[^\s<>"]+$/i.test(context.value)) return;
  const message = `"${shorten(context.value)}" is not a URI to call, write such as ` +
    "sip:100@pbx.example.com";
  context.issues.push({ code: "custom", message, input: context.value });
});

const redirectMapping = z.strictObject({
  to: z.union([targetUri, z.array(targetUri).min(1).max(16)]).meta({
    title: "Targets",
    description: "One URI, or a list with the preferred one first. Takes placeholders, whose " +
      "values are escaped.",
    examples: ["sip:{user}@10.0.0.7", ["sip:a@example.com", "sip:b@example.com"]],
  }),
  status: z.int().min(300).max(399).default(302).meta({
    title: "Status",
    description: "SIP status of the answer: 302 for this call, 301 for good.",
    examples: [301, 302],
  }),
});

export const redirectSchema = z.union([targetUri, redirectMapping])
  .transform((given): RedirectSpec => {
    const { to, status } = typeof given === "string" ? { to: given, status: 302 } : given;
    return { type: "redirect", to: typeof to === "string" ? [to] : to, status };
  })
  .meta({
    title: "Redirect",
    description: "Sends the caller elsewhere. Text is the URI; a mapping has more keys.",
    examples: ["sip:100@pbx.example.com", { to: "sip:{user}@10.0.0.7", status: 301 }],
  });
