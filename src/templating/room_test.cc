// What goldens cannot show: limits, what is missing, denied functions, data that change hands.
#include <gtest/gtest.h>

#include <map>

#include "templating/limits.h"
#include "templating/template.h"

namespace drover::templating {
namespace {

class fixed_source : public data_source {
 public:
  result<std::optional<datum>> find(const data_request& request) override {
    auto it = known.find(request.shown());
    return it == known.end() ? std::optional<datum>() : std::optional<datum>(it->second);
  }
  std::map<std::string, datum> known;
};

result<rendered> run(std::string source, const world& outside = {}, compile_options options = {}) {
  options.name = "t";
  TRY_ASSIGN(auto compiled, compiled_template::compile(std::move(source), options));
  return compiled.run(outside);
}

TEST(templating, says_what_is_missing_and_takes_it_when_it_is_there) {
  fixed_source data;
  world outside{.data = &data};
  auto source = "{{with nomadVar \"a/b\"}}{{.user}}:{{.pass}}{{end}}{{range nomadService \"db\"}}{{.Address}}:{{.Port}}{{end}}";
  auto first = run(source, outside);
  ASSERT_TRUE(first) << first.error().text();
  ASSERT_EQ(first->missing.size(), 2u);
  EXPECT_EQ(first->missing[0].shown(), "nomad.var.block(a/b@default.global)");
  EXPECT_EQ(first->missing[1].shown(), "nomad.service(db)");
  data.known["nomad.var.block(a/b@default.global)"] = datum(datum::map{{"user", "u"}, {"pass", "p"}});
  data.known["nomad.service(db)"] = datum(datum::list{make_record("NomadService", {{"Address", "10.0.0.1"}, {"Port", 5}})});
  auto second = run(source, outside);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->missing.empty());
  EXPECT_EQ(second->text, "u:p10.0.0.1:5");
}

TEST(templating, names_variables_and_services_as_people_do) {
  fixed_source data;
  world outside{.data = &data, .namespace_ = "prod", .region = "eu"};
  auto made =
      run("{{nomadVar \"x\"}}{{nomadVar \"x@other\"}}{{nomadVar \"x@other.us\"}}{{nomadVarList}}{{nomadVarExists \"x\"}}"
          "{{nomadService \"tag.web@us\"}}{{nomadServices}}{{nomadService 2 \"k\" \"web\"}}{{file \"a.txt\"}}",
          outside);
  ASSERT_TRUE(made) << made.error().text();
  std::vector<std::string> names;
  for (auto& m : made->missing) names.push_back(m.shown());
  EXPECT_EQ(names,
            (std::vector<std::string>{"nomad.var.block(x@prod.eu)", "nomad.var.block(x@other.eu)", "nomad.var.block(x@other.us)", "nomad.var.list(@prod.eu)",
                                      "nomad.var.exists(x@prod.eu)", "nomad.service(tag.web@us)", "nomad.services", "nomad.service(web:2|k)", "file(a.txt)"}));
}

TEST(templating, a_function_may_be_denied) {
  auto made = run("{{sprig_upper \"x\"}}", {}, {.denied = {"sprig_*"}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text(), "template: t:1:2: executing \"t\" at <sprig_upper \"x\">: error calling sprig_upper: function disabled");
  EXPECT_FALSE(run("{{plugin \"sh\" \"-c\"}}"));
  EXPECT_FALSE(run("{{writeToFile \"/etc/x\" \"\" \"\" \"0644\" \"x\"}}"));
}

TEST(templating, ends_whatever_the_template_does) {
  EXPECT_FALSE(run("{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}"));
  EXPECT_FALSE(run("{{define \"x\"}}{{executeTemplate \"x\"}}{{end}}{{template \"x\"}}"));
  EXPECT_FALSE(run("{{range loop 900000}}{{range loop 900000}}x{{end}}{{end}}"));
  EXPECT_FALSE(run("{{range 9000000000}}{{end}}"));
  EXPECT_FALSE(run("{{$x := \"aaaaaaaaaa\"}}{{range loop 20}}{{$x = sprig_repeat 100 $x}}{{end}}"));
  EXPECT_FALSE(run(std::string(100'000, '(') + "{{" + std::string(100'000, '(')));
  std::string deep;
  for (int i = 0; i < 1000; i++) deep += "{{if true}}";
  EXPECT_FALSE(run(deep));
  EXPECT_FALSE(run("{{$d := sprig_dict}}{{$_ := sprig_set $d \"x\" (sprig_list $d)}}"));
  EXPECT_FALSE(run("{{$l := sprig_list 1}}{{range loop 1000}}{{$l = sprig_list $l}}{{end}}{{$l | toJSON}}"));
}

TEST(templating, the_world_comes_from_outside) {
  world outside{.now = timestamp(1'511'373'045'000'000'000), .env = {{"HOME", "/h"}}};
  auto made = run("{{env \"HOME\"}} {{timestamp}} {{timestamp \"unix\"}} {{timestamp \"2006\"}} {{sprig_now | sprig_date \"Jan 2\"}}", outside);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->text, "/h 2017-11-22T17:50:45Z 1511373045 2017 Nov 22");
  EXPECT_FALSE(run("{{nomadVar \"x\"}}"));
  EXPECT_FALSE(run("{{sprig_uuidv4}}"));
  EXPECT_FALSE(run("{{sockaddr \"GetPrivateIP\"}}"));
}

}  // namespace
}  // namespace drover::templating
