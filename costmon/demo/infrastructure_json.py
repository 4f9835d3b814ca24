"""Render volumes, snapshots, load balancers and addresses as the vendor's JSON does."""

from typing import Any

from costmon.demo.draw import draw_id
from costmon.demo.droplet_json import render_droplet, render_region, render_time
from costmon.demo.holdings import Droplet, LoadBalancer, ReservedIp, Snapshot, Volume

Json = dict[str, Any]


def render_volume(volume: Volume) -> Json:
    """Return one volume; no droplet id means that nothing uses it."""
    return {
        "id": volume.id,
        "name": volume.name,
        "description": "",
        "size_gigabytes": volume.gib,
        "droplet_ids": [] if volume.droplet_id is None else [volume.droplet_id],
        "created_at": render_time(volume.created_at),
        "region": render_region(volume.region),
        "filesystem_type": "ext4",
        "filesystem_label": "data",
        "tags": [],
    }


def render_snapshot(snapshot: Snapshot) -> Json:
    """Return one snapshot."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "created_at": render_time(snapshot.created_at),
        "regions": [snapshot.region],
        "min_disk_size": 25,
        "size_gigabytes": float(snapshot.gib),
        "resource_id": snapshot.source_id,
        "resource_type": snapshot.source,
        "tags": [],
    }


def render_load_balancer(balancer: LoadBalancer) -> Json:
    """Return one regional load balancer."""
    return {
        "id": balancer.id,
        "name": balancer.name,
        "project_id": draw_id(0, "project"),
        "ip": "203.0.113.20",
        "size_unit": balancer.nodes,
        "size": "lb-small",
        "algorithm": "round_robin",
        "status": "active",
        "created_at": render_time(balancer.created_at),
        "forwarding_rules": [
            {
                "entry_protocol": "https",
                "entry_port": 443,
                "target_protocol": "http",
                "target_port": 80,
                "certificate_id": draw_id(0, "certificate"),
                "tls_passthrough": False,
            }
        ],
        "health_check": {
            "protocol": "http",
            "port": 80,
            "path": "/",
            "check_interval_seconds": 10,
            "response_timeout_seconds": 5,
            "unhealthy_threshold": 3,
            "healthy_threshold": 5,
        },
        "sticky_sessions": {"type": "none"},
        "region": render_region(balancer.region),
        "tag": balancer.tag,
        "droplet_ids": [],
        "redirect_http_to_https": True,
        "enable_proxy_protocol": False,
        "enable_backend_keepalive": True,
        "vpc_uuid": draw_id(0, "vpc", balancer.region),
        "network": "EXTERNAL",
        "network_stack": "IPV4",
        "type": "REGIONAL",
    }


def render_reserved_ip(address: ReservedIp) -> Json:
    """Return one reserved IPv4 address; `droplet` is null while nothing has it."""
    return {
        "ip": address.ip,
        "region": render_region(address.region),
        "droplet": _holder(address.droplet),
        "locked": False,
        "project_id": draw_id(0, "project"),
    }


def render_reserved_ipv6(address: ReservedIp) -> Json:
    """Return one reserved IPv6 address, which has other fields than an IPv4 one."""
    return {
        "ip": address.ip,
        "region_slug": address.region,
        "reserved_at": render_time(address.reserved_at),
        "droplet": _holder(address.droplet),
    }


def _holder(droplet: Droplet | None) -> Json | None:
    return None if droplet is None else render_droplet(droplet)
