/**
 * Writes a sipp scenario: somebody sends a MESSAGE to [service], is challenged, and sends it with credentials. Field 0 of
 * the users' file is the sender, field 1 the credentials.
 */
export function messageScenario(): string {
  return [
    '<?xml version="1.0" encoding="ISO-8859-1"?>',
    '<scenario name="a message">',
    send(1, ""),
    '  <recv response="407" auth="true"/>',
    send(2, "\n      [field1]"),
    '  <recv response="100" optional="true"/>',
    '  <recv response="200"/>',
    "</scenario>",
    "",
  ].join("\n");
}

function send(cseq: number, credentials: string): string {
  return `  <send retrans="500">
    <![CDATA[
      MESSAGE sip:[service]@sip.test SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      Max-Forwards: 70
      From: <sip:[field0]@sip.test>;tag=[pid]-[call_number]
      To: <sip:[service]@sip.test>
      Call-ID: [call_id]
      CSeq: ${cseq} MESSAGE${credentials}
      Content-Type: text/plain
      Content-Length: [len]

      Dinner is ready
    ]]>
  </send>`;
}
