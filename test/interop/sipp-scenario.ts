export interface ScenarioOptions {
  /** Refreshes after the first registration. */
  readonly refreshes: number;
  /** Between two refreshes, on average: from half of it to one and a half. */
  readonly everyMs: number;
  readonly expiresSec: number;
  /** Whether refreshes repeat the credentials, as many phones do, or come without. */
  readonly isAuthorizing: boolean;
}

/**
 * Writes a sipp scenario: a phone that registers, is challenged, registers with credentials, and then
 * refreshes from the same port and Call-ID with a growing CSeq. Every 200 has to list the phone's own
 * contact; anything but the answer expected fails the call. Field 0 of the users' file is the user,
 * field 1 the credentials.
 */
export function sippScenario(options: ScenarioOptions): string {
  const { refreshes, everyMs, isAuthorizing } = options;
  const refresh = Array.from({ length: refreshes }, (_, index) => [
    `  <pause distribution="uniform" min="${everyMs / 2}" max="${1.5 * everyMs}"/>`,
    send(options, index + 3, isAuthorizing),
    expectOk(),
  ]);
  return [
    '<?xml version="1.0" encoding="ISO-8859-1"?>',
    '<scenario name="a phone registers and refreshes">',
    send(options, 1, false),
    TRYING,
    '  <recv response="401" auth="true"/>',
    send(options, 2, true),
    expectOk(),
    ...refresh.flat(),
    "</scenario>",
    "",
  ].join("\n");
}

/** What takes longer than four seconds may be told so (RFC 4320 section 4.1). */
const TRYING = '  <recv response="100" optional="true"/>';

function send(options: ScenarioOptions, cseq: number, isAuthorizing: boolean): string {
  return `  <send retrans="500">
    <![CDATA[
      REGISTER sip:sip.test SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      Max-Forwards: 70
      From: <sip:[field0]@sip.test>;tag=[call_number]-[pid]
      To: <sip:[field0]@sip.test>
      Call-ID: [call_id]
      CSeq: ${cseq} REGISTER
      Contact: <sip:[field0]@[local_ip]:[local_port]>
      Expires: ${options.expiresSec}${isAuthorizing ? "\n      [field1]" : ""}
      User-Agent: sipp
      Content-Length: 0

    ]]>
  </send>`;
}

function expectOk(): string {
  return `${TRYING}
  <recv response="200">
    <action>
      <ereg regexp="sip:([^@]+)@[^>]*>[^,]*expires=[1-9]" search_in="hdr" header="Contact:" check_it="true" assign_to="all,user"/>
      <assignstr assign_to="own" value="[field0]"/>
      <strcmp assign_to="difference" variable="user" variable2="own" check_it="true"/>
    </action>
  </recv>`;
}
