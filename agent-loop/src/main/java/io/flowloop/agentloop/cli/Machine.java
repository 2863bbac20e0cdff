package io.flowloop.agentloop.cli;

import ai.djl.engine.Engine;
import com.sun.management.OperatingSystemMXBean;
import io.flowloop.agentloop.Engines;
import io.flowloop.config.Device;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.TorchRuntime;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What flowloop runs on: facts by name, for reports. */
final class Machine {

  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  /** A folder for each card. */
  private static final Path GPU_INFO = Path.of("/proc/driver/nvidia/gpus");

  private static final Set<String> VARIABLES =
      Set.of("JAVA_HOME", "JAVA_TOOL_OPTIONS", "LD_LIBRARY_PATH", "LD_PRELOAD");

  private static final String VARIABLE_FAMILIES =
      "(FLOWLOOP|DJL|PYTORCH|OMP|MKL|KMP|CUDA|GOMP|MALLOC)_.*|OPT_OUT_TRACKING";

  private Machine() {}

  /** The facts that decide how fast a rollout of {@code model} is; loads libtorch. */
  static Map<String, String> facts(ModelConfig model) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("java", java());
    facts.put("os", os());
    facts.put("cpu", cpu());
    facts.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    Device device = Engines.device(model, 0);
    facts.put("device", device.toString());
    if (device instanceof Device.Gpu gpu) {
      facts.put("gpu", gpu(gpu));
    }
    facts.put("djl", Engine.getDjlVersion());
    facts.put("libtorch", TorchRuntime.version());
    facts.put("threads", Integer.toString(TorchRuntime.threads()));
    return facts;
  }

  static String java() {
    return System.getProperty("java.runtime.version") + ", " + System.getProperty("java.vendor");
  }

  static String os() {
    return "%s %s, %s"
        .formatted(
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("os.arch"));
  }

  /** The processor's model where the system tells it in a file, else its architecture. */
  static String cpu() {
    try (Stream<String> lines = Files.lines(CPU_INFO)) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElseGet(() -> System.getProperty("os.arch"));
    } catch (IOException e) {
      return System.getProperty("os.arch");
    }
  }

  /** What a GPU is called where its driver tells, and of what kind it is. */
  private static String gpu(Device.Gpu gpu) {
    String kind = TorchRuntime.kind(gpu);
    try (Stream<Path> cards = Files.list(GPU_INFO)) {
      List<String> names =
          cards.flatMap(card -> gpuName(card.resolve("information"))).distinct().toList();
      // Which card has which number nobody says here.
      return names.size() == 1 ? names.getFirst() + ", " + kind : kind;
    } catch (IOException e) {
      return kind;
    }
  }

  private static Stream<String> gpuName(Path information) {
    try (Stream<String> lines = Files.lines(information)) {
      return lines
          .filter(line -> line.startsWith("Model:"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .toList()
          .stream();
    } catch (IOException e) {
      return Stream.empty();
    }
  }

  /** The environment variables of this process that change how flowloop, Java or libtorch run. */
  static SortedMap<String, String> variables() {
    SortedMap<String, String> variables = new TreeMap<>(System.getenv());
    variables.keySet().removeIf(v -> !VARIABLES.contains(v) && !v.matches(VARIABLE_FAMILIES));
    return variables;
  }

  static String memory() {
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    return "%s, %s of it free; Java's heap at most %s"
        .formatted(
            Units.bytes(system.getTotalMemorySize()),
            Units.bytes(system.getFreeMemorySize()),
            Units.bytes(Runtime.getRuntime().maxMemory()));
  }
}
