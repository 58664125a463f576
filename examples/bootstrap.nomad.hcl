# Turns new nodes into ready ones: once a minute, on every node whose metadata says that it is not ready yet.
# Together with sleep.nomad.hcl this is the node bootstrap example: a node starts with
#
#   client { meta { state = "bootstrapping" } }
#
# and what runs here sets meta.state to "ready" (a configuration tool in real life).

job "bootstrap" {
  type = "sysbatch"

  periodic {
    crons            = ["* * * * *"]
    prohibit_overlap = true
  }

  constraint {
    attribute = "${meta.state}"
    value     = "bootstrapping"
  }

  group "bootstrap" {
    task "bootstrap" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo \"bootstrapping ${node.unique.name}\"; drover node meta apply state=ready"]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
