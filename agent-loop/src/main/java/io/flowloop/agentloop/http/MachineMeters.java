package io.flowloop.agentloop.http;

import io.flowloop.config.Device;
import io.flowloop.engine.TorchRuntime;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;

/**
 * What every node tells: memory of the devices and of the process, and the members of its cluster.
 *
 * @param system the node's
 * @param devices those that its engines run on, as they are
 */
record MachineMeters(ActorSystem<?> system, List<Device> devices) implements MeterBinder {

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String RESIDENT = "VmRSS:";
  private static final double KIB = 1024;

  @Override
  public void bindTo(MeterRegistry registry) {
    for (Device device : devices) {
      if (device instanceof Device.Gpu) {
        Gauge.builder("flowloop.device.memory", device, MachineMeters::inUse)
            .description("memory of the device in use, whoever uses it")
            .baseUnit("bytes")
            .tags(Tags.of("device", device.toString()))
            .register(registry);
      }
    }
    if (Files.isReadable(STATUS)) {
      Gauge.builder("flowloop.process.resident", STATUS, MachineMeters::resident)
          .description("memory of the process, which is the device's on a CPU")
          .baseUnit("bytes")
          .register(registry);
    }
    if (system.settings().config().getString("pekko.actor.provider").equals("cluster")) {
      Gauge.builder("flowloop.cluster.members", Cluster.get(system), MachineMeters::members)
          .description("nodes of the cluster that are up")
          .register(registry);
    }
  }

  private static double inUse(Device device) {
    return TorchRuntime.memoryInUse(device).orElse(0);
  }

  private static double resident(Path status) {
    try {
      return Files.readAllLines(status).stream()
          .filter(line -> line.startsWith(RESIDENT))
          .mapToDouble(line -> KIB * Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElse(Double.NaN);
    } catch (IOException e) {
      return Double.NaN;
    }
  }

  private static double members(Cluster cluster) {
    return StreamSupport.stream(cluster.state().getMembers().spliterator(), false)
        .filter(member -> member.status().equals(MemberStatus.up()))
        .count();
  }
}
