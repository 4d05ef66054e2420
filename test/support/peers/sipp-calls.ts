/**
 * Scenarios for sipp that make calls: the side that calls, and devices that are called. Written by the RFC, not
 * by what midreg does: route sets are built from what comes back, and any message not expected fails the call.
 */

/** How the caller behaves. */
export interface CallerOptions {
  /** Whether the first INVITE is challenged with a 407; field 1 of the users' file has the credentials. */
  readonly isChallenged: boolean;
  /** How a call goes on once it rings. */
  readonly ends: "hangs-up" | "gives-up";
  /** Request-URI of the INVITE. */
  readonly uri?: string;
  /** How long it talks, or listens to the ringing, before that. */
  readonly holdMs: number;
}

/**
 * Calls [service]; field 0 of the users' file is the caller. A call that is given up is cancelled once two
 * devices ring, and has to end with 487.
 */
export function callerScenario(options: CallerOptions): string {
  const { isChallenged, uri = "sip:[service]@sip.test" } = options;
  const challenged = [
    invite({ uri, cseq: 1, via: "1" }, ""),
    '  <recv response="100" optional="true"/>',
    '  <recv response="407" auth="true"/>',
    send(request("ACK", { uri, cseq: 1, via: "1" })),
  ];
  const first = isChallenged ? { uri, cseq: 2, via: "2" } : { uri, cseq: 1, via: "1" };
  return scenario("a caller", [
    ...(isChallenged ? challenged : []),
    invite(first, isChallenged ? "      [field1]\n" : ""),
    '  <recv response="100" optional="true"/>',
    ...(options.ends === "hangs-up" ? talk(first, options) : giveUp(first, options)),
  ]);
}

/** Each of two devices may say that it rings. */
const RINGING = [
  '  <recv response="180" optional="true"/>',
  '  <recv response="180" optional="true"/>',
];

function talk({ cseq }: RequestOptions, { holdMs }: CallerOptions): string[] {
  return [
    ...RINGING,
    '  <recv response="200" rrs="true" rtd="true"/>',
    send(inDialog("ACK", cseq)),
    `  <pause milliseconds="${holdMs}"/>`,
    send(inDialog("BYE", cseq + 1), { isRepeated: true }),
    '  <recv response="200"/>',
  ];
}

function giveUp(first: RequestOptions, { holdMs }: CallerOptions): string[] {
  return [
    '  <recv response="180"/>',
    '  <recv response="180"/>',
    `  <pause milliseconds="${holdMs}"/>`,
    send(request("CANCEL", { ...first, isTagless: true }), { isRepeated: true }),
    // The INVITE and its CANCEL are two transactions (RFC 3261 section 9.1), so their answers come in any order.
    '  <recv response="487" optional="true" next="487-first"/>',
    '  <recv response="200"/>',
    '  <recv response="487"/>',
    send(request("ACK", first), { next: "over" }),
    '  <label id="487-first"/>',
    send(request("ACK", first)),
    '  <recv response="200"/>',
    '  <label id="over"/>',
  ];
}

/** A device that rings, answers after a while, and waits for the BYE. */
export function answeringScenario(ringMs: number): string {
  return scenario("a device that answers", [
    '  <recv request="INVITE" crlf="true"/>',
    respond("180 Ringing"),
    `  <pause milliseconds="${ringMs}"/>`,
    respond("200 OK", true),
    '  <recv request="ACK"/>',
    '  <recv request="BYE"/>',
    respond("200 OK"),
  ]);
}

/**
 * A device that rings until it is told to stop. The 487 answers the INVITE, so it has the Vias of that: midreg's, the
 * main registrar's and the caller's.
 */
export function ringingScenario(): string {
  const keep = VIAS.map(
    (at) =>
      `<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="${at}" assign_to="via${at}"/>`,
  );
  const vias = VIAS.map((at) => `Via: [$via${at}]`);
  return scenario("a device that only rings", [
    `  <recv request="INVITE" crlf="true"><action>${keep.join("")}</action></recv>`,
    respond("180 Ringing"),
    '  <recv request="CANCEL"/>',
    respond("200 OK"),
    send(
      `SIP/2.0 487 Request Terminated
      ${vias.join("\n      ")}
      [last_From:]
      [last_To:];tag=[pid]-[call_number]
      [last_Call-ID:]
      CSeq: [last_cseq_number] INVITE
      Content-Length: 0
`,
      { isRepeated: true },
    ),
    '  <recv request="ACK"/>',
  ]);
}

const VIAS = [1, 2, 3];

function scenario(name: string, steps: readonly string[]): string {
  const head = `<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="${name}">`;
  return [head, ...steps, "</scenario>", ""].join("\n");
}

interface SendOptions {
  readonly isRepeated?: boolean;
  /** The label to go on at. */
  readonly next?: string;
}

function send(text: string, { isRepeated = false, next }: SendOptions = {}): string {
  const repeat = isRepeated ? ' retrans="500"' : "";
  const jump = next === undefined ? "" : ` next="${next}"`;
  return `  <send${repeat}${jump}>\n    <![CDATA[\n      ${text}\n    ]]>\n  </send>`;
}

interface RequestOptions {
  readonly uri: string;
  readonly cseq: number;
  /** Names the branch: requests of one transaction share it. */
  readonly via: string;
  readonly isTagless?: boolean;
}

function request(method: string, options: RequestOptions): string {
  const { uri, cseq, via, isTagless = false } = options;
  return `${method} ${uri} SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[call_id]-${via};rport
      Max-Forwards: 70
      From: <sip:[field0]@sip.test>;tag=[pid]-[call_number]
      To: <sip:[service]@sip.test>${isTagless ? "" : "[peer_tag_param]"}
      Call-ID: [call_id]
      CSeq: ${cseq} ${method}
      Content-Length: 0
`;
}

function invite({ uri, cseq, via }: RequestOptions, credentials: string): string {
  return send(
    `INVITE ${uri} SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[call_id]-${via};rport
      Max-Forwards: 70
      From: <sip:[field0]@sip.test>;tag=[pid]-[call_number]
      To: <sip:[service]@sip.test>
      Call-ID: [call_id]
      CSeq: ${cseq} INVITE
      Contact: <sip:[field0]@[local_ip]:[local_port]>
${credentials}      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=- 1 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 0
`,
    { isRepeated: true },
  );
}

function inDialog(method: string, cseq: number): string {
  return `${method} [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      [routes]
      Max-Forwards: 70
      From: <sip:[field0]@sip.test>;tag=[pid]-[call_number]
      To: <sip:[service]@sip.test>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: ${cseq} ${method}
      Content-Length: 0
`;
}

function respond(status: string, isRepeated = false): string {
  return send(
    `SIP/2.0 ${status}
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]-[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      [last_Record-Route:]
      Contact: <sip:device@[local_ip]:[local_port]>
      Content-Length: 0
`,
    { isRepeated },
  );
}
