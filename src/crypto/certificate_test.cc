#include "crypto/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/limits.h"
#include "crypto/role_name.h"

namespace drover::crypto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

const timestamp start = parse_rfc3339("2026-11-21T12:00:00Z").value();

authority_request plain_authority() { return {.subject = {.common_name = "Nomad Agent CA", .organization = "Drover"}, .from = start}; }

certified_key authority(authority_request request = plain_authority()) {
  auto made = make_authority(request);
  EXPECT_TRUE(made) << made.error().text();
  return made.value_or(certified_key{});
}

TEST(certificate, AuthoritySaysWhoItIs) {
  auto made = authority({.subject = {.common_name = "My, CA",
                                     .country = "DE",
                                     .postal_code = "1",
                                     .province = "P",
                                     .locality = "L",
                                     .street_address = "S",
                                     .organization = " O",
                                     .organizational_unit = "U"},
                         .permitted_domains = {"nomad", "localhost", "a.test"},
                         .from = start,
                         .days = 10});
  EXPECT_THAT(made.key, testing::StartsWith("-----BEGIN EC PRIVATE KEY-----\n"));
  auto info = read_certificate(made.certificate).value();
  EXPECT_EQ(info.subject, "CN=My\\, CA " + info.serial_number + ",OU=U,O=\\ O,POSTALCODE=1,STREET=S,L=L,ST=P,C=DE");
  EXPECT_EQ(info.issuer_common_name, "My, CA " + info.serial_number);
  EXPECT_TRUE(info.is_authority);
  EXPECT_THAT(info.permitted_domains, ElementsAre("nomad", "localhost", "a.test"));
  EXPECT_EQ(to_rfc3339(info.not_before), "2026-11-21T12:00:00Z");
  EXPECT_EQ(to_rfc3339(info.not_after), "2026-12-01T12:00:00Z");
  EXPECT_NE(info.serial_number, read_certificate(authority().certificate)->serial_number);
}

TEST(certificate, SignedOneNamesHostsAndAddresses) {
  auto ca = authority();
  auto made = make_certificate(ca, {.common_name = "server.global.nomad",
                                    .dns_names = {"x.test", "server.global.nomad", "localhost"},
                                    .addresses = {"10.0.0.1", "0:0:0:0:0:0:0:1", "127.0.0.1"},
                                    .from = start});
  ASSERT_TRUE(made) << made.error().text();
  auto info = read_certificate(made->certificate).value();
  EXPECT_EQ(info.subject, "CN=server.global.nomad");
  EXPECT_EQ(info.issuer_common_name, read_certificate(ca.certificate)->common_name);
  EXPECT_THAT(info.dns_names, ElementsAre("x.test", "server.global.nomad", "localhost"));
  EXPECT_THAT(info.addresses, ElementsAre("10.0.0.1", "::1", "127.0.0.1"));
  EXPECT_THAT(info.names(), ElementsAre("x.test", "server.global.nomad", "localhost"));
  EXPECT_EQ(to_rfc3339(info.not_after), "2027-11-21T12:00:00Z");
  EXPECT_FALSE(info.is_authority);
}

TEST(certificate, WhatCannotBeMadeIsRefusedInASentence) {
  auto ca = authority();
  auto stranger = authority();
  auto leaf = make_certificate(ca, {.common_name = "x", .dns_names = {"x"}, .from = start}).value();
  auto strict_request = plain_authority();
  strict_request.permitted_domains = {"nomad"};
  auto strict = authority(strict_request);
  struct row {
    certified_key ca;
    certificate_request request;
    const char* sentence;
  };
  for (const auto& [with, request, sentence] : {
           row{{ca.certificate, stranger.key}, {.common_name = "x", .from = start}, "the key does not belong to the CA certificate \"Nomad Agent CA "},
           row{{ca.certificate, "garbage"}, {.common_name = "x", .from = start}, "the CA's key cannot be read"},
           row{{ca.key, ca.key},
               {.common_name = "x", .from = start},
               "the first PEM block should be a CERTIFICATE, but its first line is \"-----BEGIN EC PRIVATE KEY-----\""},
           row{{"", ""}, {.common_name = "x", .from = start}, "no PEM-encoded data found"},
           row{leaf, {.common_name = "y", .from = start}, "the certificate \"x\" is not one of an authority (CA)"},
           row{strict, {.common_name = "x.test", .dns_names = {"x.test"}, .from = start}, "it permits only the DNS zones nomad"},
           row{ca, {.common_name = "x", .from = start + hours(24 * 2000)}, "the CA cannot sign this certificate: certificate has expired"},
           row{ca, {.common_name = "x", .from = start - hours(24)}, "the CA cannot sign this certificate: certificate is not yet valid"},
           row{ca, {.common_name = "x", .addresses = {"300.1.1.1"}, .from = start}, "\"300.1.1.1\" is no IP address"},
           row{ca, {.common_name = "x", .dns_names = {"a,DNS:evil"}, .from = start}, "\"a,DNS:evil\" is no DNS name"},
           row{ca, {.common_name = "x", .dns_names = {"a..b"}, .from = start}, "\"a..b\" is no DNS name"},
           row{ca, {.common_name = "x", .from = start, .days = 0}, "cannot be valid for 0 days"},
           row{ca, {.common_name = "x", .dns_names = std::vector<std::string>(names_max + 1, "x"), .from = start}, "are too many"},
       }) {
    auto made = make_certificate(with, request);
    ASSERT_FALSE(made) << sentence;
    EXPECT_THAT(made.error().text(), HasSubstr(sentence));
  }
  auto bad_zone = plain_authority();
  bad_zone.permitted_domains = {"no zone"};
  EXPECT_THAT(make_authority(bad_zone).error().text(), HasSubstr("\"no zone\" is no DNS name"));
  auto bad_country = plain_authority();
  bad_country.subject.country = "Germany";
  EXPECT_THAT(make_authority(bad_country).error().text(), HasSubstr("countryName of the certificate cannot be \"Germany\""));
}

TEST(certificate, DamagedTextIsRefused) {
  auto text = authority().certificate;
  EXPECT_FALSE(read_certificate(text.substr(0, text.size() / 2)));
  auto changed = text;
  changed[text.size() / 2] = changed[text.size() / 2] == 'A' ? 'B' : '!';
  (void)read_certificate(changed);
  EXPECT_FALSE(read_certificate(std::string(pem_bytes_max + 1, 'x')));
  EXPECT_FALSE(read_certificate("-----BEGIN CERTIFICATE-----"));
}

TEST(role_name, SaysWhatAPeerMayDo) {
  using names = std::vector<std::string>;
  struct row {
    names of;
    bool server_here, server_anywhere, client_here, connects;
  };
  for (const auto& [of, server_here, server_anywhere, client_here, connects] : {
           row{{}, false, false, false, false},
           row{{"localhost", "server.global.nomad"}, true, true, false, true},
           row{{"Server.Global.nomad"}, true, true, false, true},
           row{{"server.east.nomad"}, false, true, false, true},
           row{{"server.a.b.nomad"}, false, true, false, true},
           row{{"client.global.nomad"}, false, false, true, true},
           row{{"client.east.nomad"}, false, false, false, false},
           row{{"cli.global.nomad"}, false, false, false, false},
           row{{"server.global.example"}, false, false, false, false},
           row{{"server.nomad"}, false, false, false, false},
           row{{"xserver.global.nomad"}, false, false, false, false},
       }) {
    auto shown = of.empty() ? "" : of.back();
    EXPECT_EQ(is_server_of(of, "global"), server_here) << shown;
    EXPECT_EQ(is_server_of_any_region(of), server_anywhere) << shown;
    EXPECT_EQ(is_client_of(of, "global"), client_here) << shown;
    EXPECT_EQ(may_connect(of, "global"), connects) << shown;
  }
  EXPECT_EQ(role_name("cli", "east"), "cli.east.nomad");
  EXPECT_EQ(telling_name(names{"localhost", "client.a.nomad", "server.a.nomad"}), "server.a.nomad");
  EXPECT_EQ(telling_name(names{"localhost", "cli.a.nomad"}), "cli.a.nomad");
  EXPECT_EQ(telling_name(names{"a", "b"}), "a");
  EXPECT_EQ(telling_name(names{}), "");
}

}  // namespace
}  // namespace drover::crypto
