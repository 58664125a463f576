# Every block and attribute of the language once, as far as they go together.
variable "image" {
  type        = string
  default     = "web:1"
  description = "what to run"
  validation {
    condition     = length(var.image) > 3
    error_message = "An image name has more than three characters."
  }
}

locals {
  dcs  = ["dc1", "dc2"]
  name = "${local.base}-x"
  base = upper("base")
}

job "every" {
  region           = "eu"
  namespace        = "apps"
  name             = "Every block"
  type             = "service"
  priority         = 70
  all_at_once      = true
  datacenters      = local.dcs
  node_pool        = "big"
  consul_namespace = "cn"
  vault_namespace  = "vn"

  meta {
    owner    = "team"
    "a.b"    = local.name
    number   = 5
  }

  ui {
    description = "A **job**"
    link {
      label = "docs"
      url   = "https://example.com"
    }
  }

  constraint {
    attribute = "${attr.kernel.name}"
    operator  = "!="
    value     = "windows"
  }
  constraint { distinct_hosts = true }
  constraint { distinct_property = "${meta.rack}" }
  constraint {
    attribute = "${attr.os.version}"
    version   = ">= 1.2, < 2"
  }
  constraint {
    attribute = "${attr.os.version}"
    semver    = "> 1.0.0"
  }
  constraint {
    attribute = "${attr.cpu.arch}"
    regexp    = "^(amd|arm)64$"
  }
  constraint {
    attribute    = "${meta.features}"
    set_contains = "a,b"
  }
  constraint { is_set = "${meta.x}" }
  constraint {
    attribute  = "${meta.y}"
    is_not_set = true
  }

  affinity {
    attribute = "${node.datacenter}"
    value     = "dc1"
    weight    = -30
  }
  affinity {
    attribute        = "${meta.features}"
    set_contains_any = "x,y"
  }

  spread {
    attribute = "${node.datacenter}"
    weight    = 80
    target "dc1" { percent = 60 }
    target "dc2" { percent = 40 }
  }

  multiregion {
    strategy {
      max_parallel = 1
      on_failure   = "fail_all"
    }
    region "eu" {
      count       = 2
      datacenters = ["eu1"]
      node_pool   = "p"
      meta { r = "eu" }
    }
  }

  periodic {
    enabled          = false
    crons            = ["0 * * * *", "@daily"]
    prohibit_overlap = true
    time_zone        = "Europe/Berlin"
  }

  parameterized {
    payload       = "required"
    meta_required = ["a"]
    meta_optional = ["b"]
  }

  reschedule {
    attempts       = 3
    interval       = "1h"
    delay          = "10s"
    delay_function = "fibonacci"
    max_delay      = "5m"
    unlimited      = false
  }

  migrate {
    max_parallel     = 2
    health_check     = "task_states"
    min_healthy_time = "3s"
    healthy_deadline = "2m"
  }

  update {
    stagger           = "5s"
    max_parallel      = 3
    health_check      = "task_states"
    min_healthy_time  = "1s"
    healthy_deadline  = "1m"
    progress_deadline = "2m"
    canary            = 1
    auto_revert       = true
    auto_promote      = true
  }

  vault {
    role = "default-role"
  }

  secret "shared" {
    provider = "nomad"
    path     = "nomad/jobs/every"
  }

  group "web" {
    count                        = 2
    shutdown_delay               = "3s"
    max_run_duration             = "1h"
    stop_after_client_disconnect = "1m"
    max_client_disconnect        = "2m"
    prevent_reschedule_on_lost   = true

    meta = { layer = "front" }

    constraint {
      attribute = "${node.class}"
      value     = "web"
    }
    affinity {
      attribute = "${node.class}"
      value     = "fast"
    }
    spread { attribute = "${meta.rack}" }

    disconnect {
      lost_after           = "6h"
      stop_on_client_after = "7h"
      replace              = false
      reconcile            = "keep_original"
    }

    restart {
      attempts         = 5
      interval         = "10m"
      delay            = "2s"
      mode             = "delay"
      render_templates = true
    }
    reschedule { attempts = 1 }
    update { canary = 2 }
    migrate { max_parallel = 4 }

    ephemeral_disk {
      sticky  = true
      migrate = true
      size    = 500
    }

    consul {
      namespace = "gcn"
      cluster   = "c1"
      partition = "p1"
    }

    scaling {
      min     = 1
      max     = 10
      enabled = false
      type    = "horizontal"
      policy {
        cooldown = "1m"
        check "cpu" {
          source = "nomad-apm"
          strategy "target-value" { target = 70 }
        }
      }
    }

    network {
      mode     = "bridge"
      device   = "eth0"
      hostname = "web-${NOMAD_ALLOC_INDEX}"
      mbits    = 10
      cidr     = "10.0.0.0/8"
      ip       = "10.0.0.1"
      port "http" {
        static           = 8080
        to               = 80
        host_network     = "public"
        ignore_collision = true
      }
      port "admin" { to = -1 }
      dns {
        servers  = ["1.1.1.1"]
        searches = ["local"]
        options  = ["ndots:2"]
      }
      cni {
        args = { k = "v" }
      }
    }

    volume "data" {
      type            = "csi"
      source          = "vol"
      read_only       = true
      sticky          = false
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"
      per_alloc       = true
      mount_options {
        fs_type     = "ext4"
        mount_flags = ["noatime"]
      }
    }

    service {
      name                = "web-${JOB}"
      tags                = ["a", "b"]
      canary_tags         = ["c"]
      enable_tag_override = true
      port                = "http"
      address_mode        = "alloc"
      address             = ""
      task                = "app"
      on_update           = "ignore"
      provider            = "consul"
      cluster             = "c1"
      kind                = "x"
      meta { v = "1" }
      canary_meta { v = "2" }
      tagged_addresses { lan = "10.0.0.1" }
      weights {
        passing = 3
        warning = 2
      }
      identity {
        aud = ["consul.io"]
        ttl = "1h"
      }
      check_restart {
        limit           = 3
        grace           = "9s"
        ignore_warnings = true
      }
      check {
        name                     = "alive"
        type                     = "http"
        path                     = "/health"
        protocol                 = "https"
        port                     = "http"
        expose                   = true
        address_mode             = "host"
        advertise                = "1.2.3.4"
        interval                 = "10s"
        timeout                  = "2s"
        initial_status           = "passing"
        notes                    = "note"
        tls_server_name          = "sni"
        tls_skip_verify          = true
        method                   = "POST"
        body                     = "{}"
        on_update                = "ignore_warnings"
        success_before_passing   = 1
        failures_before_critical = 2
        failures_before_warning  = 3
        header {
          Accept = ["a", "b"]
          X-One  = "1"
        }
        check_restart { limit = 1 }
      }
      check {
        type         = "script"
        command      = "/bin/true"
        args         = ["-x"]
        task         = "app"
        interval     = "10s"
        timeout      = "2s"
      }
      check {
        type         = "grpc"
        grpc_service = "svc"
        grpc_use_tls = true
        interval     = 10000000000
        timeout      = "2s"
      }
      connect {
        native = false
        sidecar_service {
          tags                      = ["t"]
          port                      = "9000"
          disable_default_tcp_check = true
          meta { m = "1" }
          proxy {
            local_service_address = "127.0.0.1"
            local_service_port    = 8080
            config { x = 1 }
            upstreams {
              destination_name       = "db"
              destination_namespace  = "n"
              destination_peer       = "p"
              destination_partition  = "q"
              destination_type       = "service"
              local_bind_port        = 5432
              datacenter             = "dc1"
              local_bind_address     = "127.0.0.1"
              local_bind_socket_path = "/s"
              local_bind_socket_mode = "0600"
              mesh_gateway { mode = "local" }
              config { y = 2 }
            }
            expose {
              path {
                path            = "/metrics"
                protocol        = "http"
                local_path_port = 9100
                listener_port   = "http"
              }
            }
            transparent_proxy {
              uid                    = "101"
              outbound_port          = 15001
              exclude_inbound_ports  = ["http"]
              exclude_outbound_ports = [1, 2]
              exclude_outbound_cidrs = ["10.0.0.0/8"]
              exclude_uids           = ["1"]
              no_dns                 = true
            }
          }
        }
        sidecar_task {
          name           = "proxy"
          driver         = "docker"
          user           = "root"
          kill_timeout   = "7s"
          shutdown_delay = "8s"
          kill_signal    = "SIGTERM"
          config { image = "envoy" }
          env { A = "1" }
          meta { B = "2" }
          resources {
            cpu    = 250
            memory = 128
          }
          logs { max_files = 2 }
          volume_mount {
            volume      = "data"
            destination = "/d"
          }
          identity {
            name = "other"
            aud  = ["x"]
          }
        }
      }
    }

    service {
      name = "gate"
      connect {
        gateway {
          proxy {
            connect_timeout                     = "3s"
            envoy_gateway_bind_tagged_addresses = true
            envoy_gateway_no_default_bind       = true
            envoy_dns_discovery_type            = "STRICT_DNS"
            envoy_gateway_bind_addresses "lan" {
              address = "0.0.0.0"
              port    = 8443
            }
            config { z = 3 }
          }
          ingress {
            tls {
              enabled         = true
              tls_min_version = "TLSv1_2"
              tls_max_version = "TLSv1_3"
              cipher_suites   = ["X"]
              sds {
                cluster_name  = "c"
                cert_resource = "r"
              }
            }
            listener {
              port     = 8080
              protocol = "http"
              service {
                name                    = "web"
                hosts                   = ["example.com"]
                max_connections         = 1
                max_pending_requests    = 2
                max_concurrent_requests = 3
                tls { enabled = false }
                request_headers {
                  add { a = "1" }
                  set { b = "2" }
                  remove = ["c"]
                }
                response_headers { remove = ["d"] }
              }
            }
          }
          terminating {
            service {
              name      = "ext"
              ca_file   = "ca"
              cert_file = "cert"
              key_file  = "key"
              sni       = "sni"
            }
          }
          mesh {}
        }
      }
    }

    task "app" {
      driver         = "exec"
      user           = "nobody"
      kill_timeout   = "20s"
      leader         = true
      shutdown_delay = "1s"
      kill_signal    = "SIGTERM"
      kind           = "k"

      config {
        command = "/bin/app"
        args    = ["--port", "${NOMAD_PORT_http}", "${env["HOME"]}", "$${literal}"]
        image   = var.image
        mount {
          type = "bind"
          bind_options { propagation = "private" }
        }
        mount { type = "tmpfs" }
        labels = { a = "1", b = true }
      }

      env {
        A         = 1
        "QUOTED"  = true
        TEMPLATED = "x-${var.image}-${NOMAD_ALLOC_ID}"
      }
      meta { m = "1" }

      lifecycle {
        hook    = "poststart"
        sidecar = true
      }
      constraint {
        attribute = "${attr.driver.exec}"
        value     = "1"
      }
      affinity {
        attribute = "${node.class}"
        value     = "x"
      }

      service {
        port     = 8080
        provider = "nomad"
      }

      resources {
        cpu        = 200
        cores      = 1
        memory     = 128
        memory_max = 256
        secrets    = 2
        iops       = 1
        disk       = 1
        numa {
          affinity = "prefer"
          devices  = ["nvidia/gpu"]
        }
        device "nvidia/gpu" {
          count = 2
          constraint {
            attribute = "${device.attr.memory}"
            operator  = ">="
            value     = "2 GiB"
          }
          affinity {
            attribute = "${device.model}"
            value     = "m"
            weight    = 10
          }
        }
        network {
          port "old" { static = 22 }
        }
      }

      restart {
        attempts = 1
        interval = "5m"
        delay    = "1s"
        mode     = "fail"
      }

      logs {
        max_files     = 3
        max_file_size = 4
        disabled      = false
      }

      artifact {
        source      = "https://example.com/a.tgz"
        destination = "local/a"
        mode        = "dir"
        insecure    = true
        chown       = true
        options { checksum = "md5:d41d8cd98f00b204e9800998ecf8427e" }
        headers { X-Token = "t" }
      }
      artifact {
        source = "https://example.com/dir/file.bin?x=1"
        mode   = "file"
      }

      template {
        source               = "local/in.tpl"
        destination          = "local/out"
        change_mode          = "script"
        change_signal        = "SIGHUP"
        once                 = true
        splay                = "1s"
        perms                = "0600"
        uid                  = 1000
        gid                  = 1001
        left_delimiter       = "[["
        right_delimiter      = "]]"
        env                  = true
        vault_grace          = "15s"
        error_on_missing_key = true
        change_script {
          command             = "/bin/reload"
          args                = ["-a"]
          timeout             = "9s"
          fail_on_error       = true
          run_on_first_render = true
        }
        wait {
          min = "2s"
          max = "9s"
        }
      }
      template {
        destination = "local/text"
        data        = <<-EOT
          key = {{ key "x" }}
            node = ${node.unique.name}
          image = ${var.image}
        EOT
      }

      vault {
        policies               = ["p"]
        role                   = "r"
        namespace              = "n"
        cluster                = "c"
        env                    = false
        disable_file           = true
        change_mode            = "signal"
        change_signal          = "sigusr1"
        allow_token_expiration = true
      }
      consul { cluster = "c2" }

      secret "own" {
        provider = "vault"
        path     = "secret/x"
        config { engine = "kv_v2" }
        env { K = "V" }
      }

      dispatch_payload { file = "in.txt" }

      volume_mount {
        volume           = "data"
        destination      = "/data"
        read_only        = true
        propagation_mode = "host-to-task"
        selinux_label    = "z"
      }

      csi_plugin {
        id                     = "plug"
        type                   = "node"
        mount_dir              = "/csi"
        stage_publish_base_dir = "/stage"
        health_timeout         = "1m"
      }

      identity {
        env  = true
        file = true
      }
      identity {
        name          = "vault_default"
        aud           = ["vault.io"]
        change_mode   = "signal"
        change_signal = "SIGHUP"
        filepath      = "secrets/x"
        file          = true
        service_name  = "s"
        ttl           = "1h"
        extra_claims  = ["e"]
      }

      action "flush" {
        command = "/bin/flush"
        args    = ["-f"]
      }

      schedule {
        cron {
          start    = "0 0 9 * * *"
          end      = "0 17"
          timezone = "Europe/Berlin"
        }
      }

      scaling "cpu" {
        min = 10
        max = 100
        policy { x = 1 }
      }
    }
  }

  task "alone" {
    driver = "raw_exec"
    config { command = "true" }
    logs { enabled = false }
  }
}
