/** Faults made on purpose, what they are made with, and the table of what came of them. */
@NullMarked
package io.flowloop.agentloop.faults;

import org.jspecify.annotations.NullMarked;
