// The models that models.test.ts leaves out.
import './models.test.ts'
