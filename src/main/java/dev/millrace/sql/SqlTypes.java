package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.util.ArrayList;
import java.util.List;
import org.apache.calcite.rel.type.RelDataType;
import org.apache.calcite.rel.type.RelDataTypeFactory;
import org.apache.calcite.rel.type.RelDataTypeField;
import org.apache.calcite.rel.type.RelDataTypeSystemImpl;
import org.apache.calcite.rel.type.StructKind;
import org.apache.calcite.sql.type.SqlTypeName;

/** Millrace's types in Calcite and back, and the rules by which Calcite derives them. */
final class SqlTypes {

    /** Calcite's defaults would lose digits and pad strings. */
    static final RelDataTypeSystemImpl SYSTEM = new RelDataTypeSystemImpl() {
        @Override
        public int getMaxPrecision(SqlTypeName type) {
            return switch (type) {
                case DECIMAL -> DataType.Decimal.MAX_PRECISION;
                case TIMESTAMP -> 6;
                default -> super.getMaxPrecision(type);
            };
        }

        @Override
        public int getMaxScale(SqlTypeName type) {
            return type == SqlTypeName.DECIMAL ? DataType.Decimal.MAX_PRECISION : super.getMaxScale(type);
        }

        @Override
        @Deprecated
        public int getMaxNumericPrecision() {
            return DataType.Decimal.MAX_PRECISION;
        }

        @Override
        @Deprecated
        public int getMaxNumericScale() {
            return DataType.Decimal.MAX_PRECISION;
        }

        @Override
        public int getDefaultPrecision(SqlTypeName type) {
            return switch (type) {
                case TIMESTAMP -> 3;
                case DECIMAL -> DataType.Decimal.MAX_PRECISION;
                case CHAR -> 1;
                default -> super.getDefaultPrecision(type);
            };
        }

        @Override
        public boolean shouldConvertRaggedUnionTypesToVarying() {
            return true;
        }

        @Override
        public RelDataType deriveSumType(RelDataTypeFactory factory, RelDataType argument) {
            RelDataType sum = switch (argument.getSqlTypeName()) {
                case TINYINT, SMALLINT, INTEGER, BIGINT -> factory.createSqlType(SqlTypeName.BIGINT);
                case DECIMAL ->
                    factory.createSqlType(SqlTypeName.DECIMAL, DataType.Decimal.MAX_PRECISION, argument.getScale());
                default -> factory.createSqlType(SqlTypeName.DOUBLE);
            };
            return factory.createTypeWithNullability(sum, argument.isNullable());
        }

        @Override
        public RelDataType deriveAvgAggType(RelDataTypeFactory factory, RelDataType argument) {
            RelDataType average = argument.getSqlTypeName() == SqlTypeName.DECIMAL
                    ? factory.createSqlType(
                            SqlTypeName.DECIMAL, DataType.Decimal.MAX_PRECISION, Math.max(6, argument.getScale()))
                    : factory.createSqlType(SqlTypeName.DOUBLE);
            return factory.createTypeWithNullability(average, argument.isNullable());
        }
    };

    private SqlTypes() {}

    static RelDataType toCalcite(Schema schema, RelDataTypeFactory factory) {
        return toCalcite(schema.fields(), factory.builder(), factory);
    }

    private static RelDataType toCalcite(
            List<Field> fields, RelDataTypeFactory.Builder builder, RelDataTypeFactory factory) {
        for (Field field : fields) {
            builder.add(field.name(), toCalcite(field.type(), field.nullable(), factory));
        }
        return builder.build();
    }

    static RelDataType toCalcite(DataType type, boolean nullable, RelDataTypeFactory factory) {
        RelDataType result = switch (type.kind()) {
            case BOOLEAN -> factory.createSqlType(SqlTypeName.BOOLEAN);
            case INT -> factory.createSqlType(SqlTypeName.INTEGER);
            case BIGINT -> factory.createSqlType(SqlTypeName.BIGINT);
            case DOUBLE -> factory.createSqlType(SqlTypeName.DOUBLE);
            case STRING -> factory.createSqlType(SqlTypeName.VARCHAR);
            case BINARY -> factory.createSqlType(SqlTypeName.VARBINARY);
            case DATE -> factory.createSqlType(SqlTypeName.DATE);
            case DECIMAL -> {
                DataType.Decimal decimal = (DataType.Decimal) type;
                yield factory.createSqlType(SqlTypeName.DECIMAL, decimal.precision(), decimal.scale());
            }
            case TIMESTAMP -> factory.createSqlType(SqlTypeName.TIMESTAMP, ((DataType.Timestamp) type).precision());
            case ARRAY -> factory.createArrayType(toCalcite(((DataType.Array) type).element(), true, factory), -1);
            case ROW ->
                toCalcite(
                        ((DataType.Row) type).fields(),
                        factory.builder().kind(StructKind.PEEK_FIELDS_NO_EXPAND),
                        factory);
        };
        return factory.createTypeWithNullability(result, nullable);
    }

    /** Day-time intervals are BIGINT microseconds inside expressions, others BIGINT months. Null where Millrace has no such type. */
    static DataType fromCalcite(RelDataType type) {
        return switch (type.getSqlTypeName()) {
            case BOOLEAN -> DataType.BOOLEAN;
            case TINYINT, SMALLINT, INTEGER -> DataType.INT;
            case BIGINT -> DataType.BIGINT;
            case FLOAT, REAL, DOUBLE -> DataType.DOUBLE;
            case DECIMAL ->
                new DataType.Decimal(
                        Math.min(
                                DataType.Decimal.MAX_PRECISION,
                                Math.max(type.getPrecision(), Math.max(1, type.getScale()))),
                        Math.max(0, type.getScale()));
            case CHAR, VARCHAR, SYMBOL -> DataType.STRING;
            case BINARY, VARBINARY -> DataType.BINARY;
            case DATE -> DataType.DATE;
            case TIMESTAMP -> new DataType.Timestamp(type.getPrecision() <= 3 ? 3 : 6);
            case INTERVAL_DAY,
                    INTERVAL_DAY_HOUR,
                    INTERVAL_DAY_MINUTE,
                    INTERVAL_DAY_SECOND,
                    INTERVAL_HOUR,
                    INTERVAL_HOUR_MINUTE,
                    INTERVAL_HOUR_SECOND,
                    INTERVAL_MINUTE,
                    INTERVAL_MINUTE_SECOND,
                    INTERVAL_SECOND,
                    INTERVAL_YEAR,
                    INTERVAL_YEAR_MONTH,
                    INTERVAL_MONTH -> DataType.BIGINT;
            case ARRAY -> {
                DataType element = fromCalcite(type.getComponentType());
                yield element == null ? null : new DataType.Array(element);
            }
            case ROW -> {
                Schema schema = schema(type);
                yield schema == null ? null : new DataType.Row(schema.fields());
            }
            case NULL -> DataType.STRING;
            default -> null;
        };
    }

    static boolean isInterval(RelDataType type) {
        return type.getSqlTypeName().getFamily() != null
                && type.getSqlTypeName().name().startsWith("INTERVAL");
    }

    static boolean isMonths(RelDataType type) {
        return switch (type.getSqlTypeName()) {
            case INTERVAL_YEAR, INTERVAL_YEAR_MONTH, INTERVAL_MONTH -> true;
            default -> false;
        };
    }

    /** The schema of a row type, or null where a column has a type that Millrace does not have. */
    static Schema schema(RelDataType rowType) {
        List<Field> fields = new ArrayList<>();
        for (RelDataTypeField field : rowType.getFieldList()) {
            DataType type = fromCalcite(field.getType());
            if (type == null) {
                return null;
            }
            fields.add(new Field(field.getName(), type, field.getType().isNullable()));
        }
        return new Schema(fields);
    }
}
