// The tests that screenshot.test.ts leaves out.
import './screenshot.test.ts'
