// SPDX-License-Identifier: MPL-2.0
//! Every section of the reference: all of its keys load, and are written back with what they said.
//!
//! Owns: one test per section, named by its row.
//! Never: tests what a value does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use config::Configuration;
use serde_yaml_ng::Value;

/// Loads a text, writes it, and looks for everything the text says in what was written.
fn keeps(text: &str) {
    let text = if text.contains("kind: ") && text.contains("apiVersion: v1alpha1") {
        text.to_owned()
    } else {
        format!("version: v1alpha1\n{text}\n")
    };
    let loaded = Configuration::load(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.newer(), [], "{text}");
    let printed = loaded.to_yaml();
    let written: Value = serde_yaml_ng::from_str(&text).unwrap();
    let found: Value = serde_yaml_ng::from_str(&printed).unwrap();
    is_in(&written, &found, &printed);
}

fn is_in(wanted: &Value, found: &Value, printed: &str) {
    match (wanted, found) {
        (Value::Mapping(wanted), Value::Mapping(found)) => {
            for (key, value) in wanted {
                let other = found.get(key);
                let other = other.unwrap_or_else(|| panic!("{key:?} is lost:\n{printed}"));
                is_in(value, other, printed);
            }
        }
        (Value::Sequence(wanted), Value::Sequence(found)) => {
            assert_eq!(wanted.len(), found.len(), "{printed}");
            for (wanted, found) in wanted.iter().zip(found) {
                is_in(wanted, found, printed);
            }
        }
        (wanted, found) => assert_eq!(wanted, found, "{printed}"),
    }
}

macro_rules! rows {
    ($($name:ident $text:literal)*) => { $(
        #[test]
        fn $name() {
            keeps($text);
        }
    )* };
}

rows! {
    conf_001_root "debug: true\npersist: true\nmachine: {type: worker}\ncluster: {clusterName: a}"
    conf_002_machine "machine: {type: worker, token: t, ca: {crt: YQ==, key: Yg==}, certSANs: [a], controlPlane: {scheduler: {disabled: true}}, kubelet: {image: a}, pods: [{a: b}], network: {hostname: a}, disks: [{device: /dev/a}], install: {disk: /dev/a, wipe: false}, files: [{path: /a, content: a, permissions: 0o600, op: create}], env: {a: b}, time: {disabled: true}, sysctls: {a: b}, sysfs: {a: b}, registries: {mirrors: {a: {endpoints: [b]}}}, systemDiskEncryption: {state: {provider: luks2, keys: []}}, features: {rbac: true}, udev: {rules: [a]}, logging: {destinations: []}, kernel: {modules: [{name: a}]}, seccompProfiles: [{name: a, value: {b: c}}], nodeLabels: {a: b}, nodeTaints: {a: 'b:NoSchedule'}}"
    conf_003_machine_type "machine: {type: controlplane}"
    conf_004_machine_token "machine: {token: a.b}"
    conf_005_machine_ca "machine: {ca: {crt: YQ==, key: Yg==}}"
    conf_006_machine_cert_sans "machine: {certSANs: [10.0.0.1, '::1', a.example.org]}"
    conf_007_machine_pods "machine: {pods: [{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: b, ports: [{containerPort: 80}]}]}}]}"
    conf_008_machine_env "machine: {env: {GRPC_GO_LOG_VERBOSITY_LEVEL: '99', GRPC_GO_LOG_SEVERITY_LEVEL: info, http_proxy: 'http://a:1', https_proxy: b, no_proxy: c}}"
    conf_009_machine_sysctls "machine: {sysctls: {net.ipv4.ip_forward: '0', net/ipv6/conf/eth0.1/disable_ipv6: '1'}}"
    conf_010_machine_sysfs "machine: {sysfs: {devices.system.cpu.cpu0.cpufreq.scaling_governor: performance}}"
    conf_011_machine_node_labels "machine: {nodeLabels: {example.org/a: b}}"
    conf_012_machine_node_taints "machine: {nodeTaints: {example.org/a: 'b:NoSchedule', c: NoExecute}}"
    conf_013_machine_control_plane "machine: {controlPlane: {controllerManager: {disabled: true}, scheduler: {disabled: false}}}"
    conf_014_machine_controller_manager "machine: {controlPlane: {controllerManager: {disabled: false}}}"
    conf_015_machine_scheduler "machine: {controlPlane: {scheduler: {disabled: true}}}"
    conf_016_kubelet "machine: {kubelet: {image: a, clusterDNS: [10.96.0.10, 169.254.2.53], extraArgs: {a: b}, extraMounts: [{destination: /a}], extraConfig: {a: {b: [1, true, c]}}, credentialProviderConfig: {a: b}, defaultRuntimeSeccompProfileEnabled: true, registerWithFQDN: false, nodeIP: {validSubnets: [10.0.0.0/8]}, skipNodeRegistration: true, disableManifestsDirectory: false}}"
    conf_017_kubelet_extra_mounts "machine: {kubelet: {extraMounts: [{destination: /a, type: bind, source: /b, options: [rbind, rw], uidMappings: [{containerID: 0, hostID: 1, size: 2}], gidMappings: [{containerID: 3, hostID: 4, size: 5}]}]}}"
    conf_018_kubelet_id_mappings "machine: {kubelet: {extraMounts: [{destination: /a, uidMappings: [{containerID: 0, hostID: 4294967295, size: 1}]}]}}"
    conf_019_kubelet_node_ip "machine: {kubelet: {nodeIP: {validSubnets: [10.0.0.0/8, '!10.0.0.3/32', 'fdc7::/16']}}}"
    conf_020_network "machine: {network: {hostname: a, interfaces: [{interface: b}], nameservers: [1.1.1.1], extraHostEntries: [{ip: 1.1.1.1, aliases: [a]}], kubespan: {enabled: true}, disableSearchDomain: true}}"
    conf_021_interfaces "machine: {network: {interfaces: [{interface: a, addresses: [10.0.0.1/8], routes: [{network: 0.0.0.0/0, gateway: 10.0.0.2}], bond: {interfaces: [b], mode: active-backup}, bridge: {interfaces: [c]}, vlans: [{vlanId: 1, routes: []}], mtu: 1400, dhcp: true, ignore: false, dummy: true, dhcpOptions: {routeMetric: 1}, wireguard: {listenPort: 1}, vip: {ip: 10.0.0.3}}, {deviceSelector: {driver: a}}]}}"
    conf_022_device_selector "machine: {network: {interfaces: [{deviceSelector: {busPath: '00:*', hardwareAddr: '*:f0:ab', pciID: '8086:*', driver: e1000}}]}}"
    conf_023_routes "machine: {network: {interfaces: [{interface: a, routes: [{network: 10.0.0.0/8, gateway: 10.0.0.1, source: 10.0.0.2, metric: 4294967295, mtu: 1400}]}]}}"
    conf_024_bond "machine: {network: {interfaces: [{interface: a, bond: {interfaces: [b], arpIPTarget: [10.0.0.1], mode: 802.3ad, xmitHashPolicy: layer3+4, lacpRate: fast, adActorSystem: a, arpValidate: all, arpAllTargets: any, primary: b, primaryReselect: always, failOverMac: none, adSelect: stable, miimon: 1, updelay: 2, downdelay: 3, arpInterval: 4, resendIgmp: 5, minLinks: 6, lpInterval: 7, packetsPerSlave: 8, numPeerNotif: 9, tlbDynamicLb: 10, allSlavesActive: 11, useCarrier: false, adActorSysPrio: 12, adUserPortKey: 13, peerNotifyDelay: 14}}]}}"
    conf_025_bond_device_selectors "machine: {network: {interfaces: [{interface: a, bond: {interfaces: [], mode: balance-rr, deviceSelectors: [{busPath: a}, {hardwareAddr: b}, {pciID: c}, {driver: d}]}}]}}"
    conf_026_bridge "machine: {network: {interfaces: [{interface: a, bridge: {interfaces: [b, c], stp: {enabled: true}}}]}}"
    conf_027_bridge_stp "machine: {network: {interfaces: [{interface: a, bridge: {interfaces: [], stp: {enabled: false}}}]}}"
    conf_028_vlans "machine: {network: {interfaces: [{interface: a, vlans: [{addresses: [10.0.0.1], routes: [{network: 10.0.0.0/8, gateway: ''}], dhcp: true, vlanId: 4094, mtu: 1400, vip: {ip: 10.0.0.2}, dhcpOptions: {routeMetric: 1}}]}]}}"
    conf_029_vlan_routes "machine: {network: {interfaces: [{interface: a, vlans: [{vlanId: 1, routes: [{network: a, gateway: b, source: c, metric: 1, mtu: 2}]}]}]}}"
    conf_030_vlan_vip "machine: {network: {interfaces: [{interface: a, vlans: [{vlanId: 1, routes: [], vip: {ip: a, equinixMetal: {apiToken: b}, hcloud: {apiToken: c}}}]}]}}"
    conf_031_vlan_vip_equinix_metal "machine: {network: {interfaces: [{interface: a, vlans: [{vlanId: 1, routes: [], vip: {ip: a, equinixMetal: {apiToken: b}}}]}]}}"
    conf_032_vlan_vip_hcloud "machine: {network: {interfaces: [{interface: a, vlans: [{vlanId: 1, routes: [], vip: {ip: a, hcloud: {apiToken: c}}}]}]}}"
    conf_033_vlan_dhcp_options "machine: {network: {interfaces: [{interface: a, vlans: [{vlanId: 1, routes: [], dhcpOptions: {routeMetric: 1, ipv4: false, ipv6: true, duidv6: ab}}]}]}}"
    conf_034_dhcp_options "machine: {network: {interfaces: [{interface: a, dhcpOptions: {routeMetric: 1024, ipv4: true, ipv6: false, duidv6: '00'}}]}}"
    conf_035_wireguard "machine: {network: {interfaces: [{interface: a, wireguard: {privateKey: a, listenPort: 51111, firewallMark: 7, peers: [{publicKey: b}]}}]}}"
    conf_036_wireguard_peers "machine: {network: {interfaces: [{interface: a, wireguard: {peers: [{publicKey: b, endpoint: '10.0.0.1:1', persistentKeepaliveInterval: 10s, allowedIPs: [10.0.0.0/8]}]}}]}}"
    conf_037_vip "machine: {network: {interfaces: [{interface: a, vip: {ip: 10.0.0.1, equinixMetal: {apiToken: b}, hcloud: {apiToken: c}}}]}}"
    conf_038_vip_equinix_metal "machine: {network: {interfaces: [{interface: a, vip: {equinixMetal: {apiToken: b}}}]}}"
    conf_039_vip_hcloud "machine: {network: {interfaces: [{interface: a, vip: {hcloud: {apiToken: c}}}]}}"
    conf_040_extra_host_entries "machine: {network: {extraHostEntries: [{ip: 10.0.0.1, aliases: [a, a.example.org]}]}}"
    conf_041_kubespan "machine: {network: {kubespan: {enabled: true, advertiseKubernetesNetworks: true, allowDownPeerBypass: true, harvestExtraEndpoints: false, mtu: 1420, filters: {endpoints: ['::/0']}}}}"
    conf_042_kubespan_filters "machine: {network: {kubespan: {filters: {endpoints: [0.0.0.0/0, '!10.0.0.0/8', '::/0']}}}}"
    conf_043_disks "machine: {disks: [{device: /dev/disk/by-id/a, partitions: [{mountpoint: /var/mnt/a}]}]}"
    conf_044_disk_partitions "machine: {disks: [{partitions: [{size: 100 MB, mountpoint: /a}, {size: 10737418240}]}]}"
    conf_045_install "machine: {install: {disk: /dev/a, diskSelector: {model: b}, extraKernelArgs: [-console, a=b], image: c, extensions: [{image: d}], bootloader: true, wipe: true, legacyBIOSSupport: true}}"
    conf_046_disk_selector "machine: {install: {wipe: false, diskSelector: {size: '>= 1TB', name: a, model: WDC*, serial: b, modalias: c, uuid: d, wwid: e, type: nvme, busPath: /pci0000:00/*}}}"
    conf_047_install_extensions "machine: {install: {wipe: false, extensions: [{image: a}, {image: b}]}}"
    conf_048_files "machine: {files: [{content: \"a\\n  b\\n\", permissions: 0o666, path: /a, op: append}]}"
    conf_049_time "machine: {time: {disabled: false, servers: [time.cloudflare.com], bootTimeout: 2m0s}}"
    conf_050_registries "machine: {registries: {mirrors: {docker.io: {endpoints: ['https://a']}}, config: {a: {auth: {username: b}}}}}"
    conf_051_registry_mirrors "machine: {registries: {mirrors: {ghcr.io: {endpoints: ['https://a', 'https://ghcr.io/v2/'], overridePath: true}}}}"
    conf_052_registry_config "machine: {registries: {config: {a: {tls: {insecureSkipVerify: true}, auth: {auth: b}}}}}"
    conf_053_registry_tls "machine: {registries: {config: {a: {tls: {clientIdentity: {crt: YQ==, key: Yg==}, ca: Yw==, insecureSkipVerify: false}}}}}"
    conf_054_registry_auth "machine: {registries: {config: {a: {auth: {username: b, password: c, auth: d, identityToken: e}}}}}"
    conf_055_system_disk_encryption "machine: {systemDiskEncryption: {state: {provider: luks2, keys: []}, ephemeral: {provider: luks2, keys: []}}}"
    conf_056_encryption_state "machine: {systemDiskEncryption: {state: {provider: luks2, keys: [{slot: 0, tpm: {}}], cipher: 'xchacha12,aes-adiantum-plain64', keySize: 4096, blockSize: 4096, options: [no_read_workqueue, same_cpu_crypt]}}}"
    conf_057_encryption_ephemeral "machine: {systemDiskEncryption: {ephemeral: {provider: luks2, keys: [{slot: 0, nodeID: {}}], cipher: aes-xts-plain64, keySize: 512, blockSize: 512, options: [no_write_workqueue]}}}"
    conf_058_encryption_keys "machine: {systemDiskEncryption: {state: {provider: luks2, keys: [{slot: 3, static: {passphrase: a}}, {slot: 1, nodeID: {}}, {slot: 2, kms: {endpoint: 'https://a'}}, {slot: 0, tpm: {}}]}}}"
    conf_059_encryption_static "machine: {systemDiskEncryption: {ephemeral: {provider: luks2, keys: [{slot: 0, static: {passphrase: 'a b'}}]}}}"
    conf_060_encryption_node_id "machine: {systemDiskEncryption: {ephemeral: {provider: luks2, keys: [{slot: 0, nodeID: {}}]}}}"
    conf_061_encryption_kms "machine: {systemDiskEncryption: {state: {provider: luks2, keys: [{slot: 0, kms: {endpoint: 'https://10.0.0.1:4443'}}]}}}"
    conf_062_encryption_tpm "machine: {systemDiskEncryption: {state: {provider: luks2, keys: [{slot: 0, tpm: {}}]}}}"
    conf_063_features "machine: {features: {rbac: true, stableHostname: true, kubernetesTalosAPIAccess: {enabled: false}, apidCheckExtKeyUsage: true, diskQuotaSupport: true, kubePrism: {enabled: true, port: 7445}}}"
    conf_064_features_api_access "machine: {features: {kubernetesTalosAPIAccess: {enabled: true, allowedRoles: ['os:reader'], allowedKubernetesNamespaces: [kube-system]}}}"
    conf_065_features_kube_prism "machine: {features: {kubePrism: {enabled: true, port: 7446}}}"
    conf_066_udev "machine: {udev: {rules: ['SUBSYSTEM==\"drm\", MODE=\"0660\"']}}"
    conf_067_logging "machine: {logging: {destinations: [{endpoint: 'tcp://a:1', format: json_lines}, {endpoint: 'udp://a:1', format: json_lines}]}}"
    conf_068_logging_destinations "machine: {logging: {destinations: [{endpoint: 'tcp://10.0.0.1:12345', format: json_lines}]}}"
    conf_069_logging_endpoint "machine: {logging: {destinations: [{endpoint: 'udp://127.0.0.1:12345/', format: json_lines}]}}"
    conf_070_kernel "machine: {kernel: {modules: [{name: a}, {name: b}]}}"
    conf_071_kernel_modules "machine: {kernel: {modules: [{name: a, parameters: [b=c, 'd']}]}}"
    conf_072_seccomp_profiles "machine: {seccompProfiles: [{name: audit.json, value: {defaultAction: SCMP_ACT_LOG, syscalls: [{names: [a], action: b}]}}]}"
    conf_073_cluster "cluster: {id: a, secret: b, controlPlane: {endpoint: 'https://a'}, clusterName: c, network: {dnsDomain: d, podSubnets: [], serviceSubnets: []}, token: e, aescbcEncryptionSecret: f, secretboxEncryptionSecret: g, ca: {crt: YQ==, key: ''}, aggregatorCA: {crt: YQ==, key: Yg==}, serviceAccount: {key: Yw==}, apiServer: {image: a}, controllerManager: {image: a}, proxy: {image: a}, scheduler: {image: a}, discovery: {enabled: true}, etcd: {image: a}, coreDNS: {image: a}, externalCloudProvider: {enabled: true}, extraManifests: [a], extraManifestHeaders: {a: b}, inlineManifests: [{name: a, contents: b}], adminKubeconfig: {certLifetime: 1h0m0s}, allowSchedulingOnMasters: true, allowSchedulingOnControlPlanes: true}"
    conf_074_cluster_token "cluster: {token: abcdef.0123456789abcdef}"
    conf_075_cluster_encryption_secrets "cluster: {aescbcEncryptionSecret: YQ==, secretboxEncryptionSecret: Yg==}"
    conf_076_cluster_authorities "cluster: {ca: {crt: YQ==, key: Yg==}, aggregatorCA: {crt: Yw==, key: ZA==}, serviceAccount: {key: ZQ==}}"
    conf_077_cluster_extra_manifests "cluster: {extraManifests: ['https://a/b.yaml'], extraManifestHeaders: {Token: '1234567', X-ExtraInfo: c}}"
    conf_078_cluster_scheduling "cluster: {allowSchedulingOnControlPlanes: true}"
    conf_079_control_plane "cluster: {controlPlane: {endpoint: 'https://1.2.3.4', localAPIServerPort: 443}}"
    conf_080_control_plane_endpoint "cluster: {controlPlane: {endpoint: 'https://cluster1.internal:6443'}}"
    conf_081_cluster_network "cluster: {network: {cni: {name: none}, dnsDomain: cluster.local, podSubnets: [10.244.0.0/16, 'fd00::/64'], serviceSubnets: [10.96.0.0/12]}}"
    conf_082_cni "cluster: {network: {dnsDomain: a, podSubnets: [], serviceSubnets: [], cni: {name: custom, urls: ['https://a/b.yaml'], flannel: {extraArgs: [a]}}}}"
    conf_083_cni_flannel "cluster: {network: {dnsDomain: a, podSubnets: [], serviceSubnets: [], cni: {name: flannel, flannel: {extraArgs: [--iface-can-reach=10.0.0.1]}}}}"
    conf_084_api_server "cluster: {apiServer: {image: a, extraArgs: {b: c}, extraVolumes: [{hostPath: /a, mountPath: /b}], env: {a: b}, certSANs: [10.0.0.1], disablePodSecurityPolicy: true, admissionControl: [{name: a, configuration: {b: c}}], auditPolicy: {kind: Policy, rules: [{level: Metadata}]}, resources: {limits: {cpu: 1}}}}"
    conf_085_api_server_volumes "cluster: {apiServer: {extraVolumes: [{hostPath: /a, mountPath: /b, readonly: true}]}}"
    conf_086_api_server_admission_control "cluster: {apiServer: {admissionControl: [{name: PodSecurity, configuration: {kind: PodSecurityConfiguration, exemptions: {namespaces: [kube-system], usernames: []}}}]}}"
    conf_087_api_server_resources "cluster: {apiServer: {resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 2, memory: 2500Mi}}}}"
    conf_088_controller_manager "cluster: {controllerManager: {image: a, extraArgs: {b: c}, extraVolumes: [{hostPath: /a, mountPath: /b}], env: {a: b}, resources: {limits: {cpu: 1}}}}"
    conf_089_controller_manager_volumes "cluster: {controllerManager: {extraVolumes: [{hostPath: /a, mountPath: /b, readonly: true}]}}"
    conf_090_controller_manager_resources "cluster: {controllerManager: {resources: {requests: {memory: 1Gi}, limits: {cpu: 1500m}}}}"
    conf_091_proxy "cluster: {proxy: {disabled: false, image: a, mode: ipvs, extraArgs: {proxy-mode: iptables}}}"
    conf_092_scheduler "cluster: {scheduler: {image: a, extraArgs: {b: c}, extraVolumes: [{hostPath: /a, mountPath: /b}], env: {a: b}, resources: {limits: {cpu: 1}}, config: {profiles: [{schedulerName: a}]}}}"
    conf_093_scheduler_volumes "cluster: {scheduler: {extraVolumes: [{hostPath: /a, mountPath: /b, readonly: true}]}}"
    conf_094_scheduler_resources "cluster: {scheduler: {resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}}}"
    conf_095_discovery "cluster: {discovery: {enabled: true, registries: {kubernetes: {disabled: true}, service: {endpoint: 'https://a/'}}}}"
    conf_096_discovery_registries "cluster: {discovery: {registries: {kubernetes: {}, service: {}}}}"
    conf_097_discovery_kubernetes "cluster: {discovery: {registries: {kubernetes: {disabled: false}}}}"
    conf_098_discovery_service "cluster: {discovery: {registries: {service: {disabled: true, endpoint: 'https://discovery.talos.dev/'}}}}"
    conf_099_etcd "cluster: {etcd: {image: a, ca: {crt: YQ==, key: Yg==}, extraArgs: {election-timeout: '5000'}, subnet: 10.0.0.0/8, advertisedSubnets: [10.0.0.0/8], listenSubnets: ['!10.0.0.0/8']}}"
    conf_100_core_dns "cluster: {coreDNS: {disabled: true, image: a}}"
    conf_101_external_cloud_provider "cluster: {externalCloudProvider: {enabled: true, manifests: ['https://a/b.yaml']}}"
    conf_102_inline_manifests "cluster: {inlineManifests: [{name: a, contents: \"apiVersion: v1\\nmetadata:\\n\\tname: ci\\n\"}]}"
    conf_103_admin_kubeconfig "cluster: {adminKubeconfig: {certLifetime: 1h0m0s}}"
    conf_104_network_default_action "apiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: block\n"
    conf_105_network_rule "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector: {ports: [1], protocol: tcp}\ningress: [{subnet: 10.0.0.0/8}]\n"
    conf_106_network_rule_ports "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector: {ports: [50000, 2379-2380], protocol: icmpv6}\ningress: []\n"
    conf_107_network_rule_ingress "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector: {ports: [1], protocol: udp}\ningress: [{subnet: 10.0.0.0/8, except: 10.1.0.0/16}, {subnet: '::/0'}]\n"
    conf_108_event_sink "apiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 192.168.10.3:3247\n"
    conf_109_kmsg_log "apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: tcp://192.168.3.7:3478/\n"
    conf_110_sidero_link "apiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: https://siderolink.api/?jointoken=secret\n"
}

#[test]
fn miss_03_spellings_of_yaml_1_1_load_where_their_kind_is_wanted() {
    let text = "version: v1alpha1\nmachine:\n  kubelet: {extraArgs: {rotate-server-certificates: true, quota: 4294967296}}\n  features: {rbac: yes}\n  files: [{permissions: 0666, path: /a}]\n  disks: [{partitions: [{size: 100MB}]}]\n  time: {bootTimeout: 2m0s}\n";
    let loaded = Configuration::load(text.as_bytes()).unwrap();
    let printed = loaded.to_yaml();

    for line in [
        "quota: \"4294967296\"",
        "rotate-server-certificates: \"true\"",
        "rbac: true",
        "permissions: 0o666",
        "size: 100 MB",
        "bootTimeout: 2m0s",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    assert_eq!(loaded.source(), text);
}

#[test]
fn miss_04_absent_and_empty_and_false_are_three_things() {
    for section in [
        "",
        "dhcpOptions: {routeMetric: 0}",
        "dhcpOptions: {routeMetric: 0, ipv4: false}",
        "dhcpOptions: {routeMetric: 0, ipv4: true}",
    ] {
        keeps(&format!(
            "machine: {{network: {{interfaces: [{{interface: a, {section}}}]}}}}"
        ));
    }
    let printed = |text: &str| {
        let text = format!("version: v1alpha1\n{text}\n");
        Configuration::load(text.as_bytes()).unwrap().to_yaml()
    };
    assert!(!printed("machine: {network: {interfaces: [{interface: a}]}}").contains("ipv4"));
    assert!(
        printed("cluster: {discovery: {registries: {kubernetes: {}}}}").contains("kubernetes: {}")
    );
}
