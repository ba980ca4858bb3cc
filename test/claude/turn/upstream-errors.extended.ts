// The combinations that upstream-errors.test.ts leaves out.
import './upstream-errors.test.ts'
