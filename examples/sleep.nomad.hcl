# A service for ready nodes only: it stays pending until a node says meta.state = "ready" (see bootstrap.nomad.hcl).

job "sleep" {
  constraint {
    attribute = "${meta.state}"
    value     = "ready"
  }

  group "sleep" {
    task "sleep" {
      driver = "raw_exec"

      config {
        command = "sleep"
        args    = ["infinity"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
