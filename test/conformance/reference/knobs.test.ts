/** Section 10: every knob of the reference, and of Kamailio's registrar, has its row in the README. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const README = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");

/** First cells of the tables of a section, with what stands beside them. */
function rowsOf(title: string): ReadonlyMap<string, string> {
  const [, section = ""] = README.split(`\n## ${title}\n`);
  const [own = ""] = section.split("\n## ", 1);
  const rows = new Map<string, string>();
  for (const line of own.split("\n")) {
    const [, names = "", ...rest] = line.split(/(?<!\\)\|/u);
    for (const [, name = ""] of names.matchAll(/`([^`]+)`/gu))
      rows.set(name, rest.join("|").trim());
    if (names !== "" && !names.includes("`")) rows.set(names.trim(), rest.join("|").trim());
  }
  return rows;
}

const OPENSIPS = rowsOf("Coming from OpenSIPS");
const KAMAILIO = rowsOf("Coming from Kamailio");

/** A row for a name, or for the family it belongs to (`pn_*`). */
function isListed(rows: ReadonlyMap<string, string>, name: string): boolean {
  const said = [...rows].find(
    ([row]) =>
      row === name ||
      row.replace(/=.*/u, "") === name ||
      (row.endsWith("*") && name.startsWith(row.slice(0, -1))),
  );
  return said !== undefined && said[1] !== "";
}

const PARAMETERS =
  "mode contact_id_insertion contact_id_param at_escape_str outgoing_expires received_avp received_param " +
  "extra_contact_params_avp attr_avp min_expires default_expires max_expires default_q tcp_persistent_flag " +
  "realm_prefix case_sensitive allow_dup_cseq expires_max_deviation max_contacts max_username_len max_domain_len " +
  "max_aor_len max_contact_len retry_after disable_gruu gruu_secret pn_enable pn_providers pn_ct_match_params " +
  "pn_pnsreg_interval pn_trigger_interval pn_skip_pn_interval pn_refresh_timeout pn_enable_purr";
const SAVE =
  "memory-only no-reply max-contacts force-registration matching-mode path-off path-lazy path-strict " +
  "path-received only-request-contacts socket-header min-expires max-expires aor ownership_tag";
const LOOKUP =
  "no-branches to-branches-only branch method-filtering ua-filtering case-insensitive extended-regexp global " +
  "max-ping-latency sort-by-latency";
const USRLOC =
  "use_domain matching_mode cseq_delay timer_interval desc_time_order working_mode_preset cluster_mode " +
  "restart_persistency sql_write_mode pinging_mode location_cluster ha_cluster ha_shtag skip_replicated_db_ops " +
  "max_contact_delete hash_size regen_broken_contactid latency_event_min_us mi_dump_kv_store contact_refresh_timer " +
  "nat_bflag db_url cachedb_url";
const KAMAILIO_PARAMETERS =
  "default_expires default_expires_range expires_range min_expires min_expires_mode max_expires default_q " +
  "realm_prefix append_branches aor_avp case_sensitive received_avp received_param max_contacts retry_after " +
  "sock_flag sock_hdr_name sock_mode method_filtering use_path path_mode path_use_received path_check_local " +
  "reg_callid_avp xavp_cfg xavp_rcd xavp_rcd_mask gruu_enabled outbound_mode regid_mode flow_timer contact_max_size " +
  "event_callback lookup_filter_mode use_expired_contacts";
const KAMAILIO_FUNCTIONS =
  "save lookup lookup_to_dset lookup_branches lookup_xavp registered add_sock_hdr unregister reg_fetch_contacts " +
  "reg_free_contacts reg_send_reply reg_from_user";

describe("the README says what became of", () => {
  test.each([
    ["parameters of mid_registrar (10.1)", OPENSIPS, PARAMETERS, 34],
    ["flags and arguments of save (10.2)", OPENSIPS, SAVE, 15],
    ["flags of lookup (10.3)", OPENSIPS, LOOKUP, 10],
    ["parameters of usrloc (10.4)", OPENSIPS, USRLOC, 23],
    ["Kamailio's parameters", KAMAILIO, KAMAILIO_PARAMETERS, 35],
    ["Kamailio's functions", KAMAILIO, KAMAILIO_FUNCTIONS, 12],
  ])("all %s", (_, rows, names, count) => {
    const wanted = names.split(" ");
    expect(new Set(wanted).size).toBe(count);
    expect(wanted.filter((name) => !isListed(rows, name))).toEqual([]);
  });

  test("nothing that the table does not have", () => {
    expect(isListed(OPENSIPS, "made_up")).toBe(false);
  });
});

describe("settings that the tables name", () => {
  const SETTINGS = rowsOf("Configure it");
  test("are in the table of settings", () => {
    const named = [...OPENSIPS.values(), ...KAMAILIO.values()].flatMap((text) =>
      [...text.matchAll(/`((?:mid_registrar|lookup|usrloc|storage|auth)\.[a-z_]+)/gu)].map(
        ([, name = ""]) => name,
      ),
    );
    const known = [...SETTINGS.keys()];
    const isKnown = (name: string): boolean =>
      known.includes(name) || known.includes(name.replace(/^.*\./u, ""));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !isKnown(name))).toEqual([]);
  });
});
