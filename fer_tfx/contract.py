"""Names, shapes and classes that every stage agrees on; nothing else may spell them."""

IMAGE_SIZE_PX = 48
IMAGE_SHAPE = (IMAGE_SIZE_PX, IMAGE_SIZE_PX, 1)
PIXEL_COUNT = IMAGE_SIZE_PX * IMAGE_SIZE_PX

# FER2013's classes by index, which settings may replace. What reads data or a model has a list of its own.
DEFAULT_CLASS_NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
LEAVE_OUT = "leave_out"  # what a label map gives instead of a class for rows that are not used

# Columns of the CSV, in lower case, and the features of one example.
PIXELS_KEY = "pixels"  # bytes: 2,304 uint8 values, row-major
LABEL_KEY = "emotion"  # int64: class index, absent from unlabelled examples
TARGET_KEY = "target"  # a float for each class, sum 1: what to train on beside the label; absent from most examples
USAGE_COLUMN = "usage"
SOURCE_KEY = "source"  # bytes: name of the file, or archive member, that the row was read from
ROW_KEY = "row"  # int64: position of the row in that file, from 0, blank lines and header not counted

TRAIN_SPLIT = "train"
EVAL_SPLIT = "eval"
TEST_SPLIT = "test"
UNLABELLED_SPLIT = "unlabelled"
LABELLED_SPLITS = (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT)
# The two inputs of ingestion: rows to learn from, rows to predict.
LABELLED_INPUT = "labelled"
UNLABELLED_INPUT = "unlabelled"
BESIDE_INPUT = "beside"  # pictures that a table names: changed ones make the input another one
SPLIT_OF_USAGE = {"training": TRAIN_SPLIT, "publictest": EVAL_SPLIT, "privatetest": TEST_SPLIT}

# Environments of the curated schema.
TRAINING_ENVIRONMENT = "TRAINING"
SERVING_ENVIRONMENT = "SERVING"


def transformed_name(key: str) -> str:
    """Name of the feature that Transform makes from the raw feature `key`."""
    return f"{key}_xf"


IMAGE_KEY = transformed_name("image")  # float32 (batch, 48, 48, 1), zero mean and unit variance on train

# Signatures of an exported model and their outputs.
SERVE_EXAMPLES = "serving_default"  # string (batch,), serialised tf.Example
SERVE_PIXELS = "serve_pixels"  # uint8 (batch, 48, 48, 1) or (batch, 48, 48)
SERVE_IMAGES = "serve_images"  # string (batch,), PNG or JPEG of at most MAX_SERVED_PIXELS
# REST has names that end in `_bytes` in base64.
INPUT_OF_SIGNATURE = {SERVE_EXAMPLES: "examples", SERVE_PIXELS: PIXELS_KEY, SERVE_IMAGES: "image_bytes"}
PROBABILITIES_KEY = "probabilities"  # float32 (batch, classes), rows sum to 1
CLASS_NAMES_KEY = "class_names"  # string (batch, classes): whose probabilities these are, the same in each row
CLASS_INDEX_KEY = "class_index"  # int64 (batch,)
CLASS_NAME_KEY = "class_name"  # string (batch, 1): TFX's BulkInferrer cannot take strings of rank 1
CONFIDENCE_KEY = "confidence"  # float32 (batch,), the largest probability
ABSTAIN_KEY = "abstain"  # bool (batch,), whether the confidence lies below the calibration's threshold
OUTPUT_KEYS = (PROBABILITIES_KEY, CLASS_NAMES_KEY, CLASS_INDEX_KEY, CLASS_NAME_KEY, CONFIDENCE_KEY, ABSTAIN_KEY)

# How many pixels a file of a picture may have, known by its header before it is decoded.
MAX_SERVED_PIXELS = 25_000_000  # by `serve_images`, which takes 4 bytes for each
MAX_LOCAL_PIXELS = 100_000_000  # by Pillow on the asking machine, which takes 4
# Columns and words of answers, which no class may be called like.
ANSWER_WORDS = (
    "file", "picture", "row", "time_s", "track", "face", "x", "y", "width", "height", "class", "label", "confidence",
    "abstain", "unsure", "views",
)  # fmt: skip

# What lies beside an exported graph, for readers.
EXTRA_ASSETS_DIR = "assets.extra"
# Within the artifact of a model.
MODEL_DIR = "Format-Serving"  # the SavedModel, where TFX's Trainer puts it
WEIGHTS_FILE = "Format-Training/weights.npz"  # as they were trained, not folded
CLASS_NAMES_FILE = "class_names.txt"  # in UTF-8, a line for each class, by class index
CALIBRATION_FILE = "calibration.json"
# In that file, for the model as it is served:
TEMPERATURE_KEY = "temperature"  # probabilities are softmax(logits / temperature)
THRESHOLD_KEY = "abstain_threshold"  # the least confidence at which a model should answer
VIEWS_KEY = "views"  # how many views of a picture the model averages
BY_VIEWS_KEY = "by_views"  # temperature, threshold and more by number of views, for whoever averages others
TRAINING_RECORD_FILE = "training_record.json"
WARM_UP_FILE = "tf_serving_warmup_requests"  # TensorFlow Serving looks for this name

# A model in its light form, see `models.export`.
LIGHT_MODEL_FILE = "model.tflite"
