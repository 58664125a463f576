# The smallest service: prints a line every few seconds and needs nothing but /bin/sh.
#
#   drover job run examples/hello.nomad.hcl

variable "greeting" {
  type    = string
  default = "hello"
}

job "hello" {
  update {
    min_healthy_time = "1s"
  }

  group "hello" {
    task "hello" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "n=0; while true; do n=$((n+1)); echo \"${var.greeting} $n from $NOMAD_ALLOC_NAME\"; sleep 2; done"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
