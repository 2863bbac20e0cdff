package io.flowloop.agentloop.faults;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import java.io.UncheckedIOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.opentest4j.TestAbortedException;

/**
 * Two network namespaces of this Linux machine, as if two hosts with one cable between them that
 * loses what it should. Processes inside reach each other and nothing else; nothing outside reaches
 * them.
 */
final class Partition implements AutoCloseable {

  /** One of the two hosts. */
  enum Side {
    LEFT("10.77.0.1"),
    RIGHT("10.77.0.2");

    private final String address;

    Side(String address) {
      this.address = address;
    }

    /** Its address, which means something inside only. */
    String address() {
      return address;
    }

    private Side other() {
      return this == LEFT ? RIGHT : LEFT;
    }
  }

  /** The name of each side's end of the cable. */
  private static final String CABLE = "cable";

  /**
   * A hardware address that no side has. What is sent to it is lost without a word, as on the way
   * between hosts; a route that drops, or a cable that is pulled, would tell the sender.
   */
  private static final String NOBODY = "02:00:00:00:00:01";

  /** Ours, with the process that they belong to. */
  private static final Pattern NAME = Pattern.compile("flowloop-(\\d+)-\\d+-\\w+");

  private static final AtomicInteger COUNT = new AtomicInteger();

  private final String prefix =
      "flowloop-%d-%d-".formatted(ProcessHandle.current().pid(), COUNT.incrementAndGet());
  private final EnumSet<Side> unheard = EnumSet.noneOf(Side.class);

  private Partition() {}

  /**
   * Makes two namespaces and a cable that loses nothing; removes those of runs that were killed.
   *
   * @throws TestAbortedException where namespaces cannot be made, which is no fault of what is
   *     tested
   */
  static Partition create() {
    assumePossible();
    Partition partition = new Partition();
    try {
      partition.lay();
      return partition;
    } catch (RuntimeException e) {
      partition.close();
      throw e;
    }
  }

  private static void assumePossible() {
    String probe = new Partition().prefix + "probe";
    try {
      removeLeftovers();
      ip("netns", "add", probe);
      try {
        ip("-n", probe, "link", "add", CABLE, "type", "veth");
      } finally {
        remove(probe);
      }
    } catch (UncheckedIOException e) {
      throw new TestAbortedException(
          "no network namespaces here (they need Linux, root and iproute2): " + e.getMessage(), e);
    }
  }

  private static void removeLeftovers() {
    for (String name : namespaces()) {
      Matcher ours = NAME.matcher(name);
      if (ours.matches() && ProcessHandle.of(Long.parseLong(ours.group(1))).isEmpty()) {
        remove(name);
      }
    }
  }

  private void lay() {
    for (Side side : Side.values()) {
      ip("netns", "add", name(side));
    }
    String left = name(Side.LEFT);
    String right = name(Side.RIGHT);
    ip("link", "add", CABLE, "netns", left, "type", "veth", "peer", "name", CABLE, "netns", right);
    for (Side side : Side.values()) {
      in(side, "addr", "add", side.address() + "/24", "dev", CABLE);
      in(side, "link", "set", "lo", "up");
      in(side, "link", "set", CABLE, "up");
    }
  }

  private String name(Side side) {
    return prefix + side.name().toLowerCase(Locale.ROOT);
  }

  /** The command, to be started on this side. */
  FlowLoopCommand on(Side side, FlowLoopCommand command) {
    return command.within("ip", "netns", "exec", name(side));
  }

  /** Loses everything both ways. */
  void down() {
    lose(EnumSet.allOf(Side.class));
  }

  /** Loses everything that this side sends, and nothing that it is sent. */
  void down(Side sender) {
    lose(EnumSet.of(sender));
  }

  /** Loses nothing any more. */
  void up() {
    lose(EnumSet.noneOf(Side.class));
  }

  private void lose(EnumSet<Side> senders) {
    for (Side sender : Side.values()) {
      String to = sender.other().address();
      if (senders.contains(sender) && unheard.add(sender)) {
        in(sender, "neigh", "replace", to, "lladdr", NOBODY, "dev", CABLE, "nud", "permanent");
      } else if (!senders.contains(sender) && unheard.remove(sender)) {
        in(sender, "neigh", "del", to, "dev", CABLE);
      }
    }
  }

  /** Kills what runs inside and removes all. */
  @Override
  public void close() {
    for (String name : namespaces()) {
      if (name.startsWith(prefix)) {
        remove(name);
      }
    }
  }

  /** All namespaces of this machine that have a name. */
  static List<String> namespaces() {
    return ip("netns", "list").lines().map(line -> line.split(" ", 2)[0]).toList();
  }

  private static void remove(String name) {
    ip("netns", "pids", name)
        .lines()
        .map(pid -> ProcessHandle.of(Long.parseLong(pid)))
        .flatMap(Optional::stream)
        .forEach(ProcessHandle::destroyForcibly);
    ip("netns", "del", name);
  }

  /** Runs {@code ip} inside. */
  private void in(Side side, String... words) {
    ip(Stream.concat(Stream.of("-n", name(side)), Stream.of(words)).toArray(String[]::new));
  }

  /** Runs the command {@code ip} and returns what it says. */
  static String ip(String... words) {
    return HostCommand.run(Stream.concat(Stream.of("ip"), Stream.of(words)).toArray(String[]::new));
  }
}
