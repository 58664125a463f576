#include "jobspec/example.h"

namespace drover::jobspec {
namespace {

constexpr std::string_view full = R"(# A job file: what to run, how many times, and where it may run.
#
#   drover job validate example.nomad.hcl   # is it right?
#   drover job plan example.nomad.hcl       # what would change?
#   drover job run example.nomad.hcl        # do it
#
# The label of the job block is its ID. Running a file with the same ID again
# changes that job; nothing is restarted that did not change.
job "example" {
  # What kind of work this is:
  #   service   runs until it is stopped; restarted when it ends
  #   batch     runs until it is done
  #   system    one instance on every node that fits
  #   sysbatch  once on every node that fits
  type = "service"

  # Which datacenters may run it. "*" stands for any run of characters.
  datacenters = ["*"]

  # Jobs with a higher priority (1 to 100) are placed first.
  # priority = 50

  # Only nodes for which every constraint holds are considered. Names in
  # ${...} are filled in from the node: attr. (found out by the agent),
  # node. (its id, name, class, datacenter) and meta. (from its configuration).
  #
  # constraint {
  #   attribute = "${attr.kernel.name}"
  #   value     = "linux"
  # }

  # How a changed job replaces the instances of the old version.
  update {
    # This many at a time.
    max_parallel = 1

    # An instance counts as healthy when it has run for this long without a
    # failure ...
    min_healthy_time = "10s"

    # ... and as failed if it is not healthy by then.
    healthy_deadline = "3m"

    # The whole update fails if nothing became healthy for so long.
    progress_deadline = "10m"

    # Go back to the last version that worked if the update fails.
    auto_revert = false

    # Start this many instances of the new version beside the old ones and
    # wait for `drover deployment promote` before going on.
    canary = 0
  }

  # Values that plan, run and var-files can set (-var image=redis:6):
  #
  # variable blocks stand outside of the job block and are used as
  # ${var.image} or var.image.

  # A group is a set of tasks that always run together on one node.
  group "cache" {
    # How many instances of the group to run.
    count = 1

    # A port that the group needs. Without `static` the scheduler picks a
    # free one; the task finds it in NOMAD_PORT_db.
    network {
      port "db" {
        to = 6379
      }
    }

    # Makes the group known under a name. "nomad" is the built-in registry,
    # which needs nothing else; "consul" registers with Consul.
    service {
      name     = "redis-cache"
      tags     = ["global", "cache"]
      port     = "db"
      provider = "nomad"

      # check {
      #   name     = "alive"
      #   type     = "tcp"
      #   interval = "10s"
      #   timeout  = "2s"
      # }
    }

    # What happens on the node when a task ends although it should not.
    restart {
      # At most this often ...
      attempts = 2
      # ... within this time ...
      interval = "30m"
      # ... with this pause before each new start.
      delay = "15s"
      # Then give up ("fail"), or wait for the interval to end ("delay").
      mode = "fail"
    }

    # Space for the tasks' files, in MB. It is gone with the allocation unless
    # it is sticky and the next one lands on the same node.
    ephemeral_disk {
      size = 300
      # sticky  = true
      # migrate = true
    }

    # A task is one program, run by a driver: docker, exec, raw_exec, java ...
    task "redis" {
      driver = "docker"

      # What goes in here is up to the driver.
      config {
        image          = "redis:7"
        ports          = ["db"]
        auth_soft_fail = true
      }

      # Environment variables of the program.
      # env {
      #   LOG_LEVEL = "info"
      # }

      # Files that are fetched before the task starts.
      # artifact {
      #   source = "https://example.com/file.tar.gz"
      #   options {
      #     checksum = "sha256:..."
      #   }
      # }

      # Files that are made from a template, and made again when what they
      # are made from changes.
      # template {
      #   data          = "port = {{ env \"NOMAD_PORT_db\" }}\n"
      #   destination   = "local/app.conf"
      #   change_mode   = "signal"
      #   change_signal = "SIGHUP"
      # }

      # Log files: this many of this size in MB, for each of stdout and stderr.
      # logs {
      #   max_files     = 10
      #   max_file_size = 10
      # }

      # What the task needs: MHz of CPU and MB of memory.
      resources {
        cpu    = 500
        memory = 256
      }

      # A program that needs time to stop gets it before it is killed.
      # kill_timeout = "20s"
    }
  }
}
)";

constexpr std::string_view brief = R"(job "example" {

  group "cache" {
    network {
      port "db" {
        to = 6379
      }
    }

    task "redis" {
      driver = "docker"

      config {
        image          = "redis:7"
        ports          = ["db"]
        auth_soft_fail = true
      }

      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
)";

constexpr std::string_view connect = R"(# Two services that reach each other only through Consul's service mesh: the
# dashboard talks to 127.0.0.1:8080, its sidecar carries that to the counter.
job "countdash" {

  group "api" {
    network {
      mode = "bridge"
    }

    service {
      name = "count-api"
      port = "9001"

      connect {
        sidecar_service {}
      }
    }

    task "web" {
      driver = "docker"

      config {
        image = "hashicorpdev/counter-api:v3"
      }
    }
  }

  group "dashboard" {
    network {
      mode = "bridge"

      port "http" {
        static = 9002
        to     = 9002
      }
    }

    service {
      name = "count-dashboard"
      port = "http"

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "count-api"
              local_bind_port  = 8080
            }
          }
        }
      }
    }

    task "dashboard" {
      driver = "docker"

      env {
        COUNTING_SERVICE_URL = "http://${NOMAD_UPSTREAM_ADDR_count_api}"
      }

      config {
        image = "hashicorpdev/counter-dashboard:v3"
      }
    }
  }
}
)";

}  // namespace

std::string_view example_job(example_options options) {
  if (options.connect) return connect;
  return options.brief ? brief : full;
}

}  // namespace drover::jobspec
