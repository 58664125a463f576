# A server and a client on one machine that keep their state: /etc/drover.d/agent.hcl
data_dir  = "/var/lib/drover"
bind_addr = "127.0.0.1"

server {
  enabled          = true
  bootstrap_expect = 1
}

client {
  enabled = true
}

# Runs programs as root without isolation; leave it off unless those who may submit jobs may do that.
plugin "raw_exec" {
  config {
    enabled = false
  }
}
