import { beforeEach, describe, expect, test } from "vitest";
import { compilePattern } from "../../src/pattern/pattern.ts";
import { buildInvite } from "../support/call-messages.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { SERVER_PLACE, World } from "../support/world.ts";

const SHARED = "sip:alice%40sip.test@192.0.2.1:5060";

let world: World;
let desk: Phone;
let mobile: Phone;

beforeEach(async () => {
  world = await World.start({ policy: { mode: "aor", outgoingExpiresSec: 600 } });
  desk = world.phone("alice", "198.51.100.7:40000");
  mobile = world.phone("alice", "198.51.100.8:40000");
  for (const phone of [desk, mobile]) {
    phone.register();
    world.pass(1);
  }
});

/** Lets a phone answer every INVITE like that, and CANCELs as it should. */
function answering(phone: Phone, status: number, headers: readonly string[] = []): void {
  phone.onRequest = (text) => {
    if (methodOf(text) === "INVITE") {
      phone.send(answerTo(text, status, "Answer", { tag: phone.place, headers }));
    } else if (methodOf(text) === "CANCEL") {
      phone.send(answerTo(text, 200, "OK"));
      const invite = phone.requests.find((one) => methodOf(one) === "INVITE") ?? "";
      phone.send(answerTo(invite, 487, "Request Terminated", { tag: phone.place }));
    }
  };
}

function call(): void {
  world.main.send(buildInvite({ uri: SHARED }), SERVER_PLACE);
  world.pass(0.5);
}

/** Kinds of final responses that the caller's side heard, repetitions left out: it sends no ACK. */
function finals(): number[] {
  return [...new Set(world.main.statuses.filter((status) => status >= 200))];
}

function methodsAt(phone: Phone): string[] {
  return phone.requests.map((text) => methodOf(text));
}

describe("a call to a user whose devices share a contact", () => {
  test("rings all of them, each under its own contact and with a Record-Route of its own", () => {
    call();
    expect([desk, mobile].map(({ requests }) => requests[0]?.split("\r\n")[0])).toEqual([
      "INVITE sip:alice@198.51.100.7:40000 SIP/2.0",
      "INVITE sip:alice@198.51.100.8:40000 SIP/2.0",
    ]);
    const routes = [desk, mobile].map(({ requests }) =>
      headerLine(requests[0] ?? "", "Record-Route"),
    );
    expect(new Set(routes).size).toBe(2);
    const branches = [desk, mobile].map(({ requests }) => headerLine(requests[0] ?? "", "Via"));
    expect(new Set(branches).size).toBe(2);
  });

  test("is answered by the first that picks up; the others are cancelled", () => {
    answering(desk, 180);
    answering(mobile, 200);
    call();
    world.pass(1);
    expect(finals()).toEqual([200]);
    expect(methodsAt(desk)).toEqual(["INVITE", "CANCEL", "ACK"]);
    expect(methodsAt(mobile)).toEqual(["INVITE"]);
  });

  test("that two pick up at once gives the caller both answers (section 16.7 step 5)", () => {
    answering(desk, 200);
    answering(mobile, 200);
    call();
    const answers = world.main.responses.filter((text) => statusOf(text) === 200);
    expect(answers.map((text) => headerLine(text, "To")).toSorted()).toEqual([
      "<sip:alice@sip.test>;tag=198.51.100.7:40000",
      "<sip:alice@sip.test>;tag=198.51.100.8:40000",
    ]);
  });

  test("waits for the last refusal and passes the best on", () => {
    answering(desk, 480);
    call();
    expect(world.main.statuses).toEqual([100]);
    mobile.send(answerTo(mobile.requests[0] ?? "", 486, "Busy Here"));
    world.pass(1);
    expect(finals()).toEqual([486]);
  });

  test("is over for all when one declines it for good (step 5, 6xx)", () => {
    answering(desk, 180);
    answering(mobile, 603);
    call();
    world.pass(1);
    expect(methodsAt(desk)).toEqual(["INVITE", "CANCEL", "ACK"]);
    expect(finals()).toEqual([603]);
  });

  test("and cancelled by the caller is cancelled everywhere", () => {
    answering(desk, 180);
    answering(mobile, 183);
    call();
    const invite = buildInvite({ uri: SHARED });
    world.main.send(
      message(
        `CANCEL ${SHARED} SIP/2.0`,
        `Via: ${headerLine(invite, "Via")}`,
        "Max-Forwards: 70",
        `From: ${headerLine(invite, "From")}`,
        `To: ${headerLine(invite, "To")}`,
        `Call-ID: ${headerLine(invite, "Call-ID")}`,
        "CSeq: 1 CANCEL",
        "Content-Length: 0",
      ),
      SERVER_PLACE,
    );
    world.pass(1);
    expect([desk, mobile].map(methodsAt)).toEqual([
      ["INVITE", "CANCEL", "ACK"],
      ["INVITE", "CANCEL", "ACK"],
    ]);
    expect(finals()).toEqual([200, 487]);
  });

  test("that is challenged gives the caller all challenges (step 7)", () => {
    answering(desk, 401, ['WWW-Authenticate: Digest realm="desk"']);
    answering(mobile, 407, ['Proxy-Authenticate: Digest realm="mobile"']);
    call();
    world.pass(1);
    const last = world.main.responses.at(-1) ?? "";
    expect(statusOf(last)).toBe(401);
    expect(headerLines(last, "WWW-Authenticate")).toEqual(['Digest realm="desk"']);
    expect(headerLines(last, "Proxy-Authenticate")).toEqual(['Digest realm="mobile"']);
  });

  test("that nobody answers ends with Timer C's CANCEL on each branch", () => {
    answering(desk, 180);
    answering(mobile, 180);
    call();
    world.pass(200);
    expect([desk, mobile].map(methodsAt)).toEqual([
      ["INVITE", "CANCEL", "ACK"],
      ["INVITE", "CANCEL", "ACK"],
    ]);
    expect(finals()).toEqual([487]);
  });

  test("rings one instance once, by its newest binding (RFC 5626 section 5.3)", () => {
    const instance = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"';
    const roaming = world.phone("alice", "198.51.100.9:40000");
    const again = world.phone("alice", "198.51.100.10:40000");
    for (const phone of [roaming, again]) {
      const contact = `${phone.contact};${phone === again ? instance.toUpperCase().replace("+SIP.INSTANCE", "+sip.instance") : instance}`;
      phone.register({ contact });
      world.pass(1);
    }
    call();
    expect([roaming, again].map(methodsAt)).toEqual([[], ["INVITE"]]);
  });
});

test("a rule says how the devices that it matches are called", async () => {
  const lookup = { fork: "best" as const };
  const match = { domain: [compilePattern("sip.test")], aor: [compilePattern("alice@*")] };
  const one = await World.start({
    policy: { mode: "aor" },
    rules: [{ match, policy: {}, lookup }],
  });
  const phones = [7, 8].map((host) => one.phone("alice", `198.51.100.${host}:40000`));
  for (const phone of phones) {
    phone.register();
    one.pass(1);
  }
  one.main.send(buildInvite({ uri: SHARED }), SERVER_PLACE);
  one.pass(0.5);
  expect(phones.map(methodsAt)).toEqual([["INVITE"], []]);
});

test("a user whom nobody has registered is not found, nor one whose name only ends alike (section 2.2)", () => {
  for (const user of ["carol", "xalice"]) {
    world.main.send(
      buildInvite({ uri: `sip:${user}%40sip.test@192.0.2.1:5060`, branch: `z9hG4bK-${user}` }),
      SERVER_PLACE,
    );
    world.pass(1);
    expect(statusOf(world.main.responses.at(-1) ?? "")).toBe(404);
  }
});
