import { createHmac, timingSafeEqual } from "node:crypto";
import { answer, type Received, type Reply, type Taken, textOf } from "./endpoint.ts";
import { parseObject } from "./verify-token.ts";

/** How old a signed request may be. */
const MAX_AGE_SEC = 300;

/** Looks at a webhook of midreg's as its receiver should. */
export function takeWebhook(received: Received, secret: string, nowSec: number): Reply | Taken {
  const { headers, body, method } = received;
  if (method !== "POST") return answer(405);
  const signature = headers["x-midreg-signature"] ?? "";
  const [, time = "", digest = ""] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/u.exec(signature) ?? [];
  const expected = createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
  const isSigned =
    digest.length === expected.length &&
    timingSafeEqual(Buffer.from(digest), Buffer.from(expected));
  if (!isSigned) return answer(401, { error: "the signature is missing or wrong" });
  if (Math.abs(nowSec - Number(time)) > MAX_AGE_SEC) return answer(401, { error: "too old" });
  const fields = parseObject(body);
  if (textOf(fields["prid"]) === "") return answer(400, { error: "there is no prid" });
  return { push: readPush(received, fields), reply: answer(202, { status: "accepted" }) };
}

function readPush(received: Received, fields: Readonly<Record<string, unknown>>): Taken["push"] {
  return {
    provider: "http",
    token: textOf(fields["prid"]),
    topic: textOf(fields["param"]),
    type: "",
    priority: "",
    purpose: textOf(fields["purpose"]),
    callId: textOf(fields["call_id"]),
    from: textOf(fields["caller_uri"]),
    received,
  };
}
