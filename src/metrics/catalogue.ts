import type { CounterName, GaugeName, TimingName } from "../ports.ts";

/** What a metric says, and the labels a series of it may have. */
export interface Declaration {
  readonly help: string;
  readonly labels: readonly string[];
}

/** Every counter of the appliance. A series may leave labels out; it may not have others. */
export const COUNTERS: Readonly<Record<CounterName, Declaration>> = {
  sip_requests_total: {
    help: "SIP requests, by method; in: received, out: sent.",
    labels: ["transport", "method", "direction"],
  },
  sip_responses_total: {
    help: "SIP responses, by the method they answer and status code; in: received, out: sent.",
    labels: ["transport", "method", "code", "direction"],
  },
  sip_parse_errors_total: {
    help: "Messages that are not SIP, or not legal SIP.",
    labels: ["transport", "reason"],
  },
  sip_retransmits_total: {
    help: "Retransmitted messages; in: recognised and not processed again, out: sent again.",
    labels: ["transport", "method", "direction"],
  },
  sip_dropped_total: {
    help: "Datagrams and messages that were dropped without an answer.",
    labels: ["transport", "reason"],
  },
  sip_connections_opened_total: {
    help: "Connections that midreg has opened to others.",
    labels: ["transport"],
  },
  sip_connections_closed_total: {
    help: "Connections that have ended, by why.",
    labels: ["transport", "reason"],
  },
  sip_connections_refused_total: {
    help: "Connections of peers that were not let in: too many of them, or no good handshake.",
    labels: ["transport"],
  },
  registers_total: {
    help: "REGISTER requests of phones, by what became of them: absorbed, forwarded, rejected, error.",
    labels: ["result", "reason"],
  },
  proxied_requests_total: {
    help: "Requests other than REGISTER, by what became of them.",
    labels: ["method", "direction", "result", "reason"],
  },
  usrloc_expired_total: {
    help: "Contacts that were removed because their phones did not refresh them.",
    labels: [],
  },
  flows_ended_total: {
    help: "Flows of registered phones that have ended, by why: connections, missing keep-alives, and requests that failed.",
    labels: ["reason"],
  },
  auth_failures_total: {
    help: "Credentials of phones that midreg did not accept. A first challenge is none of them.",
    labels: ["reason"],
  },
  deregistrations_total: {
    help: "Contacts midreg removed from the main registrar by itself, by outcome.",
    labels: ["result", "reason"],
  },
  pings_total: {
    help: "Pings of devices, by how they ended; sent: CRLF, which is not answered.",
    labels: ["result"],
  },
  ping_removed_total: {
    help: "Contacts that were removed because their devices answered no pings.",
    labels: [],
  },
  resync_registers_total: {
    help: "REGISTER requests that made registrations anew upstream for an operator, by outcome.",
    labels: ["result"],
  },
  push_requests_total: {
    help: "Pushes, by how they ended and the code their provider gave for it.",
    labels: ["provider", "result", "reason"],
  },
  push_retries_total: {
    help: "Attempts to send a push that were made again.",
    labels: ["provider"],
  },
  wakes_total: {
    help: "Devices that were woken for requests, or were to be, by how that ended and what for.",
    labels: ["result", "purpose"],
  },
  push_refreshes_total: {
    help: "Pushes that were to have devices refresh their registration, by what the provider said.",
    labels: ["result"],
  },
};

/** Every histogram of durations. */
export const TIMINGS: Readonly<Record<TimingName, Declaration>> = {
  register_duration_seconds: {
    help: "From receiving a REGISTER to sending its final answer (RFC 6076 registration request delay).",
    labels: ["result"],
  },
  ping_duration_seconds: {
    help: "From sending a ping to a device to its answer.",
    labels: [],
  },
  upstream_register_duration_seconds: {
    help: "From sending a REGISTER to the main registrar to its final answer.",
    labels: ["result"],
  },
  storage_op_duration_seconds: {
    help: "From handing a change to the store to its commit, or the duration of another operation.",
    labels: ["op"],
  },
  push_duration_seconds: {
    help: "From handing a push to its sender to its end, all attempts included.",
    labels: ["provider", "result"],
  },
  wake_register_seconds: {
    help: "From pushing to a device for a request to its REGISTER being accepted.",
    labels: [],
  },
  wake_ring_seconds: {
    help: "From pushing to a device for a request to its first answer, such as 180.",
    labels: [],
  },
};

/** Every gauge. */
export const GAUGES: Readonly<Record<GaugeName, Declaration>> = {
  sip_transactions: { help: "Live SIP transactions.", labels: ["kind"] },
  sip_connections: { help: "Open connections.", labels: ["transport"] },
  sip_connection_backlog_bytes: {
    help: "Bytes that wait for peers on connections to read them.",
    labels: [],
  },
  tls_certificate_expiry_seconds: {
    help: "When a certificate ends, in seconds since the epoch.",
    labels: ["file"],
  },
  usrloc_aors: { help: "Addresses-of-record with at least one contact.", labels: [] },
  usrloc_contacts: { help: "Contacts of all addresses-of-record.", labels: [] },
  upstream_up: {
    help: "Whether the main registrar answers: 1 if it does, 0 if it does not.",
    labels: ["upstream"],
  },
  upstream_registrations: {
    help: "Contacts midreg has registered at the main registrar.",
    labels: ["upstream"],
  },
  deregistrations_pending: {
    help: "Contacts that midreg still has to remove from the main registrar.",
    labels: [],
  },
  registers_in_flight: { help: "REGISTER requests that wait for the main registrar.", labels: [] },
  resync_remaining: {
    help: "Contacts that a running resync has not looked at yet; 0 when none runs.",
    labels: [],
  },
  pinged_contacts: { help: "Contacts whose devices are pinged.", labels: [] },
  dead_contacts: {
    help: "Contacts whose devices answer no pings, as the last round of pings has found them.",
    labels: [],
  },
  pings_in_flight: { help: "Pings that wait for an answer.", labels: [] },
  ping_round_seconds: {
    help: "How long the last round of pings through all contacts has taken; 0 before the first one has ended.",
    labels: [],
  },
  ping_mass_loss: {
    help: "Whether so many pings are lost that no device is held dead: 1 if it is so, 0 if not.",
    labels: [],
  },
  storage_up: {
    help: "Whether the store can be written: 1 if it can, 0 if it cannot.",
    labels: [],
  },
  udp_receive_buffer_bytes: {
    help: "Size of a listener's receive buffer as the kernel granted it.",
    labels: ["listener"],
  },
  push_queued: { help: "Pushes that wait for their provider or its answer.", labels: ["provider"] },
  push_provider_failing: {
    help: "Whether a push provider has failed several times in a row and is left alone: 1 if so.",
    labels: ["provider"],
  },
  wakes_pending: { help: "Devices that are being woken.", labels: [] },
  push_refreshes_scheduled: {
    help: "Devices that will be woken unless they refresh their registration by themselves.",
    labels: [],
  },
  wake_requests_held: { help: "Requests that wait for a device to wake.", labels: [] },
};
