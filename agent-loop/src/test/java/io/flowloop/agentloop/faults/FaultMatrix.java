package io.flowloop.agentloop.faults;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A class of tests that make faults: they stay out of the suite, and each adds a row to its
 * parameter, the {@link FaultTable}.
 */
@Tag("faults")
@ExtendWith(FaultTableExtension.class)
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@interface FaultMatrix {}
