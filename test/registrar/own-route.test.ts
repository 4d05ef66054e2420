import { expect, test } from "vitest";
import { decideRegister } from "../../src/registrar/decide-register.ts";
import { headerLines } from "../support/messages.ts";
import { buildInput } from "./fixtures.ts";

test.each([
  ["TLS", "<sip:midreg.test;transport=tls;lr>", []],
  ["TCP", "<sip:midreg.test;transport=tcp;lr>", ["<sip:midreg.test;transport=tcp;lr>"]],
])(
  "to midreg's TLS listener, a Route without a port that means the usual one of %s",
  (_, route, left) => {
    const register = { headers: [`Route: ${route}`] };
    const decision = decideRegister(buildInput({ sentBy: "midreg.test:5061", register }));
    if (decision.kind !== "forward") throw new Error(decision.kind);
    expect(headerLines(decision.forward.text, "Route")).toEqual(left);
  },
);
