package io.flowloop.agentloop.faults;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * What gives tests the one {@link FaultTable} of a run as a parameter, and remarks on those that
 * failed or did not run.
 */
final class FaultTableExtension implements ParameterResolver, TestWatcher {

  private static final Path FILE = Path.of("target", "faults", "table.md");

  /** The store closes it when all tests have ended. */
  private static FaultTable table(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(Namespace.create(FaultTable.class))
        .getOrComputeIfAbsent(
            FaultTable.class, _ -> new FaultTable(FILE, System.out), FaultTable.class);
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == FaultTable.class;
  }

  @Override
  public FaultTable resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return table(context);
  }

  @Override
  public void testFailed(ExtensionContext context, @Nullable Throwable cause) {
    table(context).remark(name(context), "failed: " + cause);
  }

  @Override
  public void testAborted(ExtensionContext context, @Nullable Throwable cause) {
    table(context).remark(name(context), "not run: " + (cause == null ? "" : cause.getMessage()));
  }

  @Override
  public void testDisabled(ExtensionContext context, Optional<String> reason) {
    table(context).remark(name(context), "not run: " + reason.orElse(""));
  }

  private static String name(ExtensionContext context) {
    return context.getRequiredTestClass().getSimpleName() + "." + context.getDisplayName();
  }
}
