/** Section 6: GRUUs. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import type { RegisterPolicy } from "../../../src/registrar/register-policy.ts";
import type { RegisterOptions } from "../../support/phone.ts";
import { ALICE, CONTACT, type Row, Stage, walk } from "./walk.ts";

const INSTANCE = "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";
const GRUU: RegisterOptions = {
  contact: `${CONTACT};+sip.instance="${INSTANCE}"`,
  headers: ["Supported: gruu"],
};

/** The GRUUs that a registered phone has been given. */
async function withGruus(
  policy: Partial<RegisterPolicy> = {},
): Promise<{ stage: Stage; pub: string; temp: string; told: string }> {
  const stage = await Stage.open(policy);
  stage.register(GRUU);
  const told = stage.told("Contact");
  const [, pub = ""] = /pub-gruu="([^"]*)"/u.exec(told) ?? [];
  const [, temp = ""] = /temp-gruu="([^"]*)"/u.exec(told) ?? [];
  return { stage, pub, temp, told };
}

walk("6 GRUU", [
  {
    id: "6-1",
    reference:
      "off by default; only where main's answer says Supported: gruu, so in absorbed ones alone",
    midreg: "on by default, for phones that ask, in every 200",
    check: async () => {
      const { stage, told } = await withGruus();
      expect(told).toMatch(/;pub-gruu="/u);
      expect(stage.register(GRUU)).toBe("A 200");
      expect(stage.told("Contact")).toMatch(/;temp-gruu="/u);
      expect(stage.register({ ...GRUU, headers: [] })).toBe("A 200");
      expect(stage.told("Contact")).not.toMatch(/gruu/u);
    },
  },
  {
    id: "6-2",
    reference: "public: the address-of-record with gr=INSTANCE",
    midreg: "equal",
    check: async () => {
      expect((await withGruus()).pub).toBe(`sip:${ALICE};gr=${INSTANCE.slice(1, -1)}`);
    },
  },
  {
    id: "6-3",
    reference: "temporary: XOR with a known secret",
    midreg: "sealed and authenticated: a forged one is 404",
    check: async () => {
      const { stage, temp } = await withGruus();
      expect(temp).toMatch(/^sip:tgruu\.[\w.~-]+@192\.0\.2\.1:5060;gr$/u);
      expect(temp).not.toContain(Buffer.from(ALICE).toString("base64").slice(0, 8));
      const [first = ""] = /tgruu\.(.)/u.exec(temp)?.slice(1) ?? [];
      expect(stage.call(temp.replace(`tgruu.${first}`, `tgruu.${first === "A" ? "B" : "A"}`))).toBe(
        404,
      );
    },
  },
  {
    id: "6-4",
    reference: "+sip.instance is given back without its angle brackets",
    midreg: "with them (RFC 5626 section 4.1)",
    check: async () => {
      expect((await withGruus()).told).toContain(`;+sip.instance="${INSTANCE}"`);
    },
  },
  {
    id: "6-5",
    reference: "a new temporary one each time; older ones until the Call-ID changes",
    midreg: "equal",
    check: async () => {
      const { stage, temp } = await withGruus();
      stage.register(GRUU);
      expect(stage.told("Contact")).not.toContain(temp);
      stage.call(temp);
      expect(stage.phone.requests).toHaveLength(1);
      stage.register({ ...GRUU, callId: "reboot" });
      expect(stage.call(temp)).toBe(404);
    },
  },
  ...(["mirror", "contact", "aor"] as const).map(
    (mode): Row => ({
      id: `6-6, 6-7 (${mode})`,
      reference: "lookup in AOR mode only, and public ones fail there",
      midreg: "both kinds, in every mode",
      check: async () => {
        const { stage, pub, temp } = await withGruus({ mode });
        for (const uri of [pub, temp]) stage.call(uri);
        expect(stage.phone.requests).toHaveLength(2);
      },
    }),
  ),
  {
    id: "6-8",
    reference: "main never sees +sip.instance",
    midreg: "only where upstream_contact_params passes it",
    check: async () => {
      const { stage } = await withGruus();
      expect(stage.sent).not.toContain("sip.instance");
      const passing = await withGruus({ upstreamContactParams: ["+sip.instance"] });
      expect(passing.stage.sent).toContain("+sip.instance");
    },
  },
]);
