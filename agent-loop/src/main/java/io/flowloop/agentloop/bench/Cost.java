package io.flowloop.agentloop.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;

/**
 * What something took of the process, all its threads together.
 *
 * @param wallSeconds from begin to end
 * @param cpuSeconds of all cores
 * @param gcSeconds in which garbage was collected, as far as Java counts it
 */
public record Cost(double wallSeconds, double cpuSeconds, double gcSeconds) {

  private static final double NANOS_PER_SECOND = 1e9;
  private static final double MILLIS_PER_SECOND = 1e3;

  private static final OperatingSystemMXBean SYSTEM =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  /** The state of the clocks. */
  static Cost now() {
    return new Cost(
        System.nanoTime() / NANOS_PER_SECOND,
        SYSTEM.getProcessCpuTime() / NANOS_PER_SECOND,
        ManagementFactory.getGarbageCollectorMXBeans().stream()
                .mapToLong(GarbageCollectorMXBean::getCollectionTime)
                .sum()
            / MILLIS_PER_SECOND);
  }

  /** What was taken between two states of the clocks. */
  Cost since(Cost before) {
    return new Cost(
        wallSeconds - before.wallSeconds,
        cpuSeconds - before.cpuSeconds,
        gcSeconds - before.gcSeconds);
  }

  /** Both together. */
  public Cost plus(Cost other) {
    return new Cost(
        wallSeconds + other.wallSeconds,
        cpuSeconds + other.cpuSeconds,
        gcSeconds + other.gcSeconds);
  }
}
