"""The messages of a generateContent request: their fields and types, for the strict reading of the JSON.

Source: the Gemini API reference (v1beta), and the fields that the official SDK sends in its Developer API mode.
"""

from __future__ import annotations

Fields = dict[str, str]

SCHEMA: Fields = {
    "type": "Type",
    "format": "string",
    "title": "string",
    "description": "string",
    "nullable": "bool",
    "enum": "[string",
    "maxItems": "int64",
    "minItems": "int64",
    "properties": "{Schema",
    "required": "[string",
    "minProperties": "int64",
    "maxProperties": "int64",
    "minLength": "int64",
    "maxLength": "int64",
    "pattern": "string",
    "example": "value",
    "anyOf": "[Schema",
    "propertyOrdering": "[string",
    "default": "value",
    "items": "Schema",
    "minimum": "double",
    "maximum": "double",
}
GENERATION_CONFIG: Fields = {
    "stopSequences": "[string",
    "responseMimeType": "string",
    "responseSchema": "Schema",
    "responseJsonSchema": "value",
    "responseModalities": "[Modality",
    "candidateCount": "int32",
    "maxOutputTokens": "int32",
    "temperature": "float",
    "topP": "float",
    "topK": "int32",
    "seed": "int32",
    "presencePenalty": "float",
    "frequencyPenalty": "float",
    "responseLogprobs": "bool",
    "logprobs": "int32",
    "enableEnhancedCivicAnswers": "bool",
    "speechConfig": "struct",
    "thinkingConfig": "ThinkingConfig",
    "imageConfig": "struct",
    "mediaResolution": "MediaResolution",
}
MESSAGES: dict[str, Fields] = {
    "GenerateContentRequest": {
        "model": "string",
        "contents": "[Content",
        "systemInstruction": "Content",
        "tools": "[Tool",
        "toolConfig": "ToolConfig",
        "safetySettings": "[SafetySetting",
        "generationConfig": "GenerationConfig",
        "cachedContent": "string",
        "serviceTier": "string",
        "store": "bool",
        "labels": "{string",
    },
    "CountTokensRequest": {"contents": "[Content", "generateContentRequest": "GenerateContentRequest"},
    "Content": {"parts": "[Part", "role": "string"},
    "Part": {
        "text": "string",
        "inlineData": "Blob",
        "functionCall": "FunctionCall",
        "functionResponse": "FunctionResponse",
        "fileData": "FileData",
        "executableCode": "struct",
        "codeExecutionResult": "struct",
        "toolCall": "struct",
        "toolResponse": "struct",
        "thought": "bool",
        "thoughtSignature": "bytes",
        "videoMetadata": "struct",
        "mediaResolution": "struct",
        "partMetadata": "struct",
    },
    "Blob": {"mimeType": "string", "data": "bytes", "displayName": "string"},
    "FileData": {"mimeType": "string", "fileUri": "string", "displayName": "string"},
    "FunctionCall": {"id": "string", "name": "string", "args": "struct"},
    "FunctionResponse": {
        "id": "string",
        "name": "string",
        "response": "struct",
        "parts": "[FunctionResponsePart",
        "willContinue": "bool",
        "scheduling": "string",
    },
    "FunctionResponsePart": {"inlineData": "Blob", "fileData": "FileData"},
    "Tool": {
        "functionDeclarations": "[FunctionDeclaration",
        "googleSearch": "struct",
        "googleSearchRetrieval": "struct",
        "codeExecution": "struct",
        "computerUse": "struct",
        "urlContext": "struct",
        "fileSearch": "struct",
        "googleMaps": "struct",
        "mcpServers": "[struct",
    },
    "FunctionDeclaration": {
        "name": "string",
        "description": "string",
        "behavior": "string",
        "parameters": "Schema",
        "parametersJsonSchema": "value",
        "response": "Schema",
        "responseJsonSchema": "value",
    },
    "Schema": SCHEMA,
    "ToolConfig": {
        "functionCallingConfig": "FunctionCallingConfig",
        "retrievalConfig": "struct",
        "includeServerSideToolInvocations": "bool",
    },
    "FunctionCallingConfig": {"mode": "Mode", "allowedFunctionNames": "[string"},
    "SafetySetting": {"category": "HarmCategory", "threshold": "HarmBlockThreshold"},
    "GenerationConfig": GENERATION_CONFIG,
    "ThinkingConfig": {"includeThoughts": "bool", "thinkingBudget": "int32", "thinkingLevel": "ThinkingLevel"},
}
"""Message name -> field -> type. `[` marks a repeated field, `{` a map from strings."""

ONE_OF = {
    "Part": frozenset(
        [
            "text",
            "inlineData",
            "functionCall",
            "functionResponse",
            "fileData",
            "executableCode",
            "codeExecutionResult",
            "toolCall",
            "toolResponse",
        ]
    ),
    "FunctionResponsePart": frozenset({"inlineData", "fileData"}),
}
"""Fields of which a message may have one: the API's oneof `data`."""

ENUMS: dict[str, frozenset[str]] = {
    "Type": frozenset(["TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"]),
    "Mode": frozenset(["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]),
    "Modality": frozenset(["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO"]),
    "ThinkingLevel": frozenset(["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"]),
    "MediaResolution": frozenset(
        ["MEDIA_RESOLUTION_UNSPECIFIED", "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"]
    ),
    "HarmCategory": frozenset(
        [
            "HARM_CATEGORY_UNSPECIFIED",
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
            "HARM_CATEGORY_CIVIC_INTEGRITY",
        ]
    ),
    "HarmBlockThreshold": frozenset(
        [
            "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
            "BLOCK_LOW_AND_ABOVE",
            "BLOCK_MEDIUM_AND_ABOVE",
            "BLOCK_ONLY_HIGH",
            "BLOCK_NONE",
            "OFF",
        ]
    ),
}
