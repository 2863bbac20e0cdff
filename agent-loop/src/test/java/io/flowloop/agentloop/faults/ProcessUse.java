package io.flowloop.agentloop.faults;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a JVM on this machine uses at a moment, read from Linux' {@code /proc} and by {@code jcmd}.
 *
 * @param heap what a collection of all garbage leaves of the heap, in bytes
 * @param resident the memory of the whole process, in bytes
 * @param threads of the operating system
 * @param files open files, sockets among them
 */
record ProcessUse(long heap, long resident, int threads, int files) {

  private static final Pattern USED = Pattern.compile("\\bused (\\d+)K");
  private static final Pattern METADATA = Pattern.compile("^\\s*(Metaspace|class space)");

  /** Measures a process that runs; a full collection comes first, which takes a moment. */
  static ProcessUse of(long pid) {
    try {
      jcmd(pid, "GC.run");
      long heap = heap(jcmd(pid, "GC.heap_info"));
      Path proc = Path.of("/proc", Long.toString(pid));
      List<String> status = Files.readAllLines(proc.resolve("status"));
      return new ProcessUse(
          heap,
          number(status, "VmRSS") << 10,
          (int) number(status, "Threads"),
          entries(proc.resolve("fd")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long heap(String info) {
    return info.lines()
            .filter(line -> !METADATA.matcher(line).find())
            .map(USED::matcher)
            .filter(Matcher::find)
            .mapToLong(used -> Long.parseLong(used.group(1)))
            .sum()
        << 10;
  }

  private static long number(List<String> status, String name) {
    return status.stream()
        .filter(line -> line.startsWith(name + ":"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }

  private static int entries(Path dir) throws IOException {
    try (Stream<Path> entries = Files.list(dir)) {
      return (int) entries.count();
    }
  }

  private static String jcmd(long pid, String command) {
    Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
    return HostCommand.run(jcmd.toString(), Long.toString(pid), command);
  }
}
