# The walk's service. `version` makes the tasks differ, `count` does not.

variable "version" {
  type    = string
  default = "one"
}

variable "driver" {
  type    = string
  default = "raw_exec"
}

variable "count" {
  type    = number
  default = 1
}

job "cache" {
  datacenters = ["dc1"]
  type        = "service"

  update {
    max_parallel      = 1
    min_healthy_time  = "1s"
    healthy_deadline  = "1m"
    progress_deadline = "2m"
  }

  group "cache" {
    count = var.count

    network {
      port "db" {}
    }

    restart {
      attempts = 2
      interval = "5m"
      delay    = "1s"
      mode     = "fail"
    }

    task "redis" {
      driver = var.driver

      config {
        command = "redis-server"
        args    = ["--bind", "127.0.0.1", "--port", "${NOMAD_PORT_db}", "--save", "", "--dir", "${NOMAD_TASK_DIR}"]
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
