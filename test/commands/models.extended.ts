// The rarer cases that models.test.ts leaves out.
import './models.test.ts'
