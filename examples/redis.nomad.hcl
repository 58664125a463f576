# A redis server, run straight from the host's redis-server program. The scheduler picks its port.
#
#   drover job run examples/redis.nomad.hcl
#   drover alloc status ID                  # shows the address
#   redis-cli -p PORT ping
#
# Needs redis-server on the node and the raw_exec driver (on in `drover agent -dev`).

variable "version" {
  description = "Shown to the server as VERSION; change it to see a rolling update."
  type        = string
  default     = "one"
}

job "redis" {
  type = "service"

  update {
    max_parallel      = 1
    min_healthy_time  = "2s"
    healthy_deadline  = "30s"
    progress_deadline = "1m"
  }

  group "cache" {
    count = 1

    network {
      port "db" {}
    }

    restart {
      attempts = 2
      interval = "5m"
      delay    = "1s"
      mode     = "fail"
    }

    service {
      name     = "redis"
      port     = "db"
      provider = "nomad"
    }

    task "redis" {
      driver = "raw_exec"

      config {
        command = "redis-server"
        args    = ["--port", "${NOMAD_PORT_db}", "--save", "", "--dir", "${NOMAD_TASK_DIR}"]
      }

      env {
        VERSION = var.version
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
